"""State machines: random steps on a store beside a model, as many as a test asks for."""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

_STEPS_A_RUN = 100


class CountedMachine(RuleBasedStateMachine):
    """A machine whose steps are counted, over all of its runs."""

    count: list[int]
    """One number; a list, since runs are instances and the number is the class's."""


def run_steps(machine: type[CountedMachine], steps: int, *, search: bool) -> None:
    """Run *machine* for so many *steps*: in several runs, some of which end early.

    *search*: of steps that fail, find the fewest that do; it takes minutes.
    """
    machine.count = [0]
    while (left := steps - machine.count[0]) > 0:
        run_state_machine_as_test(
            machine,
            settings=settings(
                stateful_step_count=_STEPS_A_RUN,
                # The first that Hypothesis makes is the simplest: a step or none.
                max_examples=left // _STEPS_A_RUN + 2,
                suppress_health_check=list(HealthCheck),
                phases=list(Phase) if search else [Phase.reuse, Phase.generate],
            ),
        )
