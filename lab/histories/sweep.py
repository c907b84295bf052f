"""The sweep: the real triage says what nobody looks after, and that is started, each by its own claim."""

from lab.histories import execution, scaling, sight
from lab.histories.world import World, name, number_of
from lambdas.domain.membership import triage


def sweep(world: World) -> World:
    observation = sight.observe(world)
    attended = triage.Attended(
        goodbyes=frozenset(goodbye.subject for goodbye in world.goodbyes),
        launches=frozenset(name(number) for number, host in enumerate(world.hosts) if host.tended),
        outsiders=world.outsiders,
    )
    world = world._replace(outsiders=triage.outsiders(observation))
    for finding in triage.triage(observation, attended):
        world = repair(world, finding)
    return world


def repair(world: World, finding: triage.Finding) -> World:
    """`call` tells a human. `answer` is left out: here executions ask for the end of their command (`give_up`)."""
    match finding.what:
        case "goodbye":
            return execution.start(world, finding.subject, by_sweep=True)
        case "launch":
            return world.of_host(number_of(finding.subject), tended=True)
        case "replace" if world.hosts[number_of(finding.subject)].presence == "in_service":
            return scaling.terminate(world, number_of(finding.subject))
    return world
