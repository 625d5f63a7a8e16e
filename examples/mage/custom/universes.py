import pgverse.mage

if "custom" not in globals():
    from mage_ai.data_preparation.decorators import custom
if "test" not in globals():
    from mage_ai.data_preparation.decorators import test


@custom
def universes(workload, *args, **kwargs):
    return pgverse.mage.tasks(workload, **kwargs)


@test
def check(output, *args) -> None:
    assert output
