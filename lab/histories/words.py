"""A history in words that need no code to follow."""

from collections.abc import Iterable

from lab.histories.events import Event
from lab.histories.random_histories import History

WORDS = {
    "turn": "the goodbye of {0} takes its turn",
    "turn_half_done": "the goodbye of {0} takes its turn, its Lambda dies, and it begins the turn again",
    "look": "the goodbye of {0} looks and decides",
    "release": "the goodbye of {0} lets it go",
    "answer": "the goodbye of {0} hears that its command ended",
    "give_up": "the goodbye of {0} hears nothing of its command, and looks again",
    "check": "command {0} reaches its node and checks",
    "change": "command {0} changes membership, if it may",
    "note": "the terminate event of {0} arrives",
    "launch": "Auto Scaling launches an instance",
    "join": "{1} joins {0}",
    "promote": "{1} becomes a voter of {0}",
    "serve": "{0} is in service",
    "feel": "autopilot notices what became of {0}",
    "sweep": "the sweep looks",
    "terminate": "{0} is told to terminate",
    "kill": "the host of {0} is gone, and EC2 says so",
    "kill_unfelt": "the host of {0} is gone, EC2 says so, and autopilot has not noticed",
    "freeze": "the machine of {0} is down, EC2 does not know",
    "freeze_unfelt": "the machine of {0} is down, neither EC2 nor autopilot knows",
    "reboot": "the machine of {0} is up again",
    "notice": "Auto Scaling notices that {0} is down, and replaces it",
    "partition": "{0} is cut off from the other hosts",
    "partition_unfelt": "{0} is cut off from the other hosts, autopilot has not noticed",
    "rejoin": "{0} hears the other hosts again",
    "pause": "the SSM agent of {0} is paused",
    "resume": "the SSM agent of {0} goes on",
    "seal": "Vault on {0} is sealed",
    "seal_unfelt": "Vault on {0} is sealed, autopilot has not noticed",
    "unseal": "Vault on {0} is unsealed",
    "mislead": "{0} answers for another cluster",
    "put_right": "{0} is in its own cluster again",
    "forget_launch": "the launch of {0} has lost its execution",
    "launch_fails": "the launch of {0} fails, and it is to terminate",
    "scale_in": "Auto Scaling chooses {0} to go",
    "hook_ends": "the terminate hook of {0} runs out of time",
    "set_size": "the cluster file asks for {0} voters",
    "set_desired": "somebody sets the capacity to {0}",
    "refresh": "an instance refresh of the group begins",
    "die": "the execution that runs the goodbye of {0} is lost",
    "lose_patience": "the goodbye of {0} has waited for too long",
    "twice": "command {0} is sent twice",
    "lose_command": "command {0} is lost",
    "stop_change": "command {0} is stopped after its check, before its change",
    "lose_note": "the terminate event of {0} is lost",
    "double_note": "the terminate event of {0} will come twice",
    "repeat_note": "an old terminate event of {0} comes again",
    "blind": "what servers tell of {0} is not the promised JSON",
    "see": "what servers tell of {0} is the promised JSON again",
    "elect": "{1} is elected leader of {0}",
    "expel": "somebody removes the peer of {1} from {0} by hand",
    "orphan": "a peer turns up in {0} that belongs to no instance",
    "expire": "the membership lease expires",
    "age": "little is left of the membership lease",
}

COUNTED = ("check", "change", "twice", "lose_command", "stop_change", "set_size", "set_desired")
"""Events whose number is no host."""


def tell(event: Event) -> str:
    kind, *arguments = event
    named = [
        f"i-{argument}" if isinstance(argument, int) and kind not in COUNTED else _short(argument)
        for argument in arguments
    ]
    return WORDS[kind].format(*named)


def _short(argument: int | str) -> str:
    """i-3 for i-00000003, and a command's place from 1."""
    text = str(argument)
    head, dash, number = text.rpartition("-")
    return f"{head}-{int(number)}" if dash and head == "i" else text


def story(history: History, outcome: str, said: str) -> Iterable[str]:
    voters = "1 voter" if history.size == 1 else f"{history.size} voters"
    yield (
        f"{voters} of {', '.join(history.products)}: i-0 to i-{history.size - 1}"
        if history.size > 1
        else (f"{voters} of {', '.join(history.products)}: i-0")
    )
    for number, event in enumerate(history.events, 1):
        yield f"{number:3}. {tell(event)}"
    yield "     then all faults end, and everything goes on by itself"
    yield f"     {said or outcome}"
