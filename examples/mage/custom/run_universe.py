import pgverse.mage

if "custom" not in globals():
    from mage_ai.data_preparation.decorators import custom
if "test" not in globals():
    from mage_ai.data_preparation.decorators import test


@custom
def run_universe(task, *args, **kwargs):
    return pgverse.mage.run_universe(task, **kwargs)


@test
def check(output, *args) -> None:
    assert output["agent"]
