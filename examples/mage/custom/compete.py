import pgverse.mage

if "custom" not in globals():
    from mage_ai.data_preparation.decorators import custom
if "test" not in globals():
    from mage_ai.data_preparation.decorators import test


@custom
def compete(workload, *args, **kwargs):
    report = pgverse.mage.compete(workload, **kwargs)
    print(report["verdict"]["reason"])
    return report


@test
def check(output, *args) -> None:
    assert output["verdict"]["reason"]
