import pgverse.mage

if "data_loader" not in globals():
    from mage_ai.data_preparation.decorators import data_loader
if "test" not in globals():
    from mage_ai.data_preparation.decorators import test


@data_loader
def load_workload(*args, **kwargs):
    return pgverse.mage.load_workload(**kwargs)


@test
def check(output, *args) -> None:
    assert output["statements"]
