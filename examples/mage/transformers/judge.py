import pgverse.mage

if "transformer" not in globals():
    from mage_ai.data_preparation.decorators import transformer
if "test" not in globals():
    from mage_ai.data_preparation.decorators import test


@transformer
def judge(outcomes, workload, *args, **kwargs):
    report = pgverse.mage.judge(outcomes, workload, **kwargs)
    print(report["verdict"]["reason"])
    return report


@test
def check(output, *args) -> None:
    assert output["verdict"]["reason"]
