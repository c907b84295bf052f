"""What the lab looks like, as tables."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

PHASES = ("install", "secrets", "configure", "start", "bootstrap", "verify", "hand_over", "drain", "leave")
STYLES = {"done": "green", "running": "yellow", "failed": "red"}


def progress_table(nodes: list[dict[str, Any]]) -> Table:
    """A row a node, a column a phase: what runs side by side shows as 2/4."""
    shown = [phase for phase in PHASES if any(phase in node["phases"] for node in nodes)]
    table = Table("node", "group", "address", "state", "at", *shown, "s", box=None, pad_edge=False)
    for node in nodes:
        cells = []
        for phase in shown:
            view = node["phases"].get(phase)
            cells.append(f"[{STYLES[view['state']]}]{view['text']}[/]" if view else "")
        table.add_row(
            node["instance_id"],
            node["group"],
            node["address"],
            _state(node["state"]),
            node["phase"] or ("" if node["state"] == "InService" else "-"),
            *cells,
            f"{node['seconds']:.0f}",
        )
    return table


def nodes_table(status: Mapping[str, Any]) -> Table:
    """Each node with its part in each product."""
    names = ("node", "group", "address", "state", "consul", "vault", "nomad", "certificate")
    table = Table(*names, box=None, pad_edge=False)
    for node in status["nodes"]:
        parts = [_part(product, node, status) for product in ("consul", "vault", "nomad")]
        table.add_row(
            node["instance_id"], node["group"], node["address"], _state(node["state"]), *parts, _left(node, status)
        )
    return table


def products_table(status: Mapping[str, Any]) -> Table:
    table = Table("product", "leader", "voters", "non-voters", "", box=None, pad_edge=False)
    for name, product in status["products"].items():
        notes = [escape(product["problem"])] if product["problem"] else []
        if product["clusters"] > 1:
            notes.append(f"[red]{product['clusters']} clusters: split brain[/]")
        if product["sealed"]:
            sealed = [node for node, is_sealed in product["sealed"].items() if is_sealed]
            notes.append(f"[red]sealed: {', '.join(sealed)}[/]" if sealed else "all unsealed")
        table.add_row(
            name,
            product["leader"] or "[red]none[/]",
            str(len(product["voters"])),
            str(len(product["non_voters"])),
            "; ".join(notes),
        )
    return table


def job_line(status: Mapping[str, Any]) -> str:
    job = status["job"]
    if job is None:
        return "job: none was submitted yet"
    where = ", ".join(
        f"{one['status']} on {one['instance_id']}" + (f" at {one['address']}" if one["address"] else "")
        for one in job["allocations"]
    )
    healthy = f"{job['healthy_in_consul']} healthy in Consul"
    problem = f"; {escape(job['problem'])}" if job["problem"] else ""
    return f"job {job['name']}: {where or job['status']}; {healthy}{problem}"


def goodbye_line(goodbye: Mapping[str, str]) -> str:
    """A node on its way out: where it stands, and why it is there still."""
    stands = "held" if goodbye["state"] == "Terminating:Retained" else "leaving"
    said = " ".join(word for word in (goodbye["decision"], goodbye["reason"]) if word)
    style = "red" if stands == "held" else "yellow"
    return f"[{style}]{stands}:[/] {goodbye['node']}" + (f", {escape(said)}" if said else ", nothing was decided yet")


def journal_table(entries: list[dict[str, str]]) -> Table:
    """The newest last, where a terminal shows it."""
    table = Table("at", "node", "what", "decision", "reason", "outcome", "execution", box=None, pad_edge=False)
    for entry in entries:
        execution = entry["execution"].rsplit(":", 1)[-1][:8]
        cells = [escape(entry[name]) for name in ("node", "what", "decision", "reason", "outcome")]
        table.add_row(entry["at"].partition(".")[0].replace("T", " "), *cells, execution)
    return table


def _state(state: str) -> str:
    style = "green" if state == "InService" else "red" if state.startswith("Terminat") else "yellow"
    return f"[{style}]{state}[/]"


def _left(node: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """How long its certificate lasts; nothing for a node that was given none yet."""
    certificate = status["certificates"].get(node["instance_id"])
    return "" if certificate is None else f"{certificate['days_left']:.0f} days"


def _part(name: str, node: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    product, instance_id = status["products"][name], node["instance_id"]
    words = []
    if instance_id == product["leader"]:
        words.append("[bold]leader[/]")
    elif instance_id in product["voters"]:
        words.append("voter")
    elif instance_id in product["non_voters"]:
        words.append("non-voter")
    elif name == "nomad" and instance_id in status["clients_ready"]:
        words.append("ready")
    if product["sealed"].get(instance_id):
        words.append("[red]sealed[/]")
    return " ".join(words)
