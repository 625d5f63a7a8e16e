import pgverse.mage

if "data_exporter" not in globals():
    from mage_ai.data_preparation.decorators import data_exporter
if "test" not in globals():
    from mage_ai.data_preparation.decorators import test


@data_exporter
def promote(report, *args, **kwargs):
    done = pgverse.mage.promote(report, **kwargs)
    print(done["message"])
    return done


@test
def check(output, *args) -> None:
    assert output["state"]
