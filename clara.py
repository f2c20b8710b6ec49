"""The commands. `clara --help` lists them; each works on an empty home, which it prepares first."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from errors import ClaraError
from settings import Settings

app = typer.Typer(
    help="Self-hosted customer support: cited answers, real handoffs, nothing lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
user_app = typer.Typer(help="Staff users.", no_args_is_help=True)
app.add_typer(user_app, name="user")

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else there.")]
Batch = Annotated[
    Path | None,
    typer.Option("--batch", exists=True, dir_okay=False, help="A text a line, or JSONL with `id` and `text`."),
]


class State:
    """What the global options chose."""

    home: Path | None = None


def main() -> None:
    """The console script."""
    try:
        app()
    except ClaraError as fault:
        say(f"clara: {fault.message}")
        sys.exit(1)
    except BrokenPipeError:  # `clara … | head`
        sys.stderr.close()
        sys.exit(1)


@app.callback()
def options(
    home: Annotated[
        Path | None, typer.Option(envvar="CLARA_HOME", help="Holds every file Clara writes. [default: var]")
    ] = None,
) -> None:
    State.home = home


def read_settings() -> Settings:
    return Settings() if State.home is None else Settings(home=State.home)


def say(text: str) -> None:
    """Progress and notes, on standard error."""
    print(text, file=sys.stderr, flush=True)


def show(document: Any) -> None:
    """A result, on standard output as one line of JSON."""
    print(json.dumps(document, ensure_ascii=False), flush=True)


def progress_bar() -> Any:
    """On standard error, and gone when the work is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def batch_lines(file: Path) -> Iterator[dict[str, Any]]:
    """The texts of a batch file with their ids; a plain line's id is its number, from 1."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        given: dict[str, Any] = {"text": line}
        if line.lstrip().startswith("{"):
            try:
                given = json.loads(line)
            except json.JSONDecodeError as fault:
                raise typer.BadParameter(f"line {number} is not JSON: {fault}") from None
            if not isinstance(given.get("text"), str):
                raise typer.BadParameter(f"line {number} has no text")
        yield {"id": number, **given}


def one_or_batch(text: str | None, batch: Path | None) -> Iterator[dict[str, Any]]:
    """The texts to work on: those of the file, or the one of the command line. Exactly one of the two is given."""
    if (text is None) == (batch is None):
        raise typer.BadParameter("give a TEXT or --batch FILE")
    return batch_lines(batch) if batch is not None else iter([{"text": text}])


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    from memory.database import open_sessions
    from memory.migrations import head_revision
    from memory.migrations import migrate as run

    settings = read_settings()
    settings.home.mkdir(parents=True, exist_ok=True)
    changed = run(open_sessions(settings).engine)
    print(f"{'Migrated to' if changed else 'Already at'} {head_revision()}.")


@app.command()
def seed(
    demo: Annotated[bool, typer.Option("--demo", help="Also users, customers, tickets, meetings and tasks.")] = False,
) -> None:
    """Roles, permissions, queues, SLAs and the help centre."""
    from graph.home import prepare_knowledge, prepare_schema
    from graph.means import open_knowledge

    settings = read_settings()
    sessions = prepare_schema(settings, say)
    prepare_knowledge(settings, sessions, open_knowledge(settings), say)
    if demo:
        from tools.demo import add_demo

        say(add_demo(settings, sessions))


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Files or folders.")],
    replace: Annotated[bool, typer.Option("--replace", help="Withdraw every article not among these.")] = False,
    as_json: Json = False,
) -> None:
    """Put Markdown, HTML, PDF, DOCX, CSV and JSONL files into the knowledge base."""
    from dataclasses import asdict

    from graph.home import prepare_schema
    from graph.means import open_knowledge
    from tools.ingest import ingest as run
    from tools.permissions import SYSTEM

    settings = read_settings()
    sessions = prepare_schema(settings, say)
    with progress_bar() as bar:
        steps = {"read": bar.add_task("Reading", total=None), "encode": bar.add_task("Encoding", total=None)}
        report = run(
            sessions,
            SYSTEM,
            open_knowledge(settings),
            paths,
            replace=replace,
            progress=lambda step, done, of: bar.update(steps[step], completed=done, total=of or None),
        )
    if as_json:
        show(asdict(report))
    else:
        for failure in report.failed:
            say(f"  {failure.source}: {failure.reason}")
        print(
            f"{report.articles} articles, {report.chunks} chunks, {report.encoded} encoded, "
            f"{report.unchanged} unchanged, {len(report.failed)} failed"
            + (f", {report.archived} withdrawn" if replace else "")
        )
    if report.failed and not report.articles:
        raise typer.Exit(1)


@app.command()
def search(
    text: Annotated[str | None, typer.Argument()] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many passages.")] = 10,
    batch: Batch = None,
    as_json: Json = False,
) -> None:
    """Look in the knowledge base, without answering."""
    from graph.home import prepare_knowledge, prepare_schema
    from graph.means import open_knowledge
    from memory.database import reading

    given = one_or_batch(text, batch)
    settings = read_settings()
    sessions, knowledge = prepare_schema(settings, say), open_knowledge(settings)
    prepare_knowledge(settings, sessions, knowledge, say)
    for item in given:
        with reading(sessions) as session:
            hits = knowledge.search(session, item["text"], limit=k)
        found = [
            {
                "article_id": str(hit.article_id),
                "source": hit.source,
                "title": hit.title,
                "chunk_id": str(hit.chunk_id),
                "score": round(hit.score, 4),
                "text": hit.content,
            }
            for hit in hits
        ]
        if as_json or batch is not None:
            show({**({"id": item["id"]} if batch is not None else {}), "query": item["text"], "hits": found})
            continue
        for n, hit in enumerate(hits, start=1):
            print(f"{n:2}. {hit.score:.3f}  {hit.title}  ({hit.source})")
            print(f"    {' '.join(hit.content.split())[:160]}")


@asynccontextmanager
async def ready_support() -> AsyncIterator[Any]:
    """What answers customers, on a home that is prepared first."""
    from graph.means import open_knowledge

    settings = read_settings()
    # the encoder is loaded while the rest is imported: each takes a good part of a start
    opening = asyncio.get_running_loop().run_in_executor(None, open_knowledge, settings)
    from graph.home import prepare_knowledge, prepare_schema
    from graph.run import open_support

    sessions, knowledge = prepare_schema(settings, say), await opening
    prepare_knowledge(settings, sessions, knowledge, say)
    async with open_support(settings, sessions, knowledge=knowledge) as support:
        yield support


async def converse(support: Any, conversation_id: UUID, text: str) -> AsyncIterator[Any]:
    from tools.permissions import Actor, ActorKind

    actor = Actor(ActorKind.CUSTOMER, conversation_id=conversation_id)
    async for event in support.say(actor, conversation_id, text):
        yield event


def new_conversation(support: Any) -> UUID:
    from memory.database import transaction
    from tools.conversations import begin_conversation

    with transaction(support.means.sessions) as session:
        conversation_id: UUID = begin_conversation(session).id
        return conversation_id


@app.command()
def ask(
    text: Annotated[str | None, typer.Argument()] = None,
    conversation: Annotated[UUID | None, typer.Option(help="Go on with this conversation.")] = None,
    batch: Batch = None,
    as_json: Json = False,
) -> None:
    """One customer turn. In a batch, lines with the same `conversation` are turns of one, in order."""
    given = one_or_batch(text, batch)

    async def run() -> None:
        async with ready_support() as support:
            named: dict[Any, UUID] = {}
            for item in given:
                name = item.get("conversation")
                chosen = conversation or named.get(name) or new_conversation(support)
                if name is not None:
                    named[name] = chosen
                reply = [event async for event in converse(support, chosen, item["text"])][-1]
                if batch is not None:
                    show({"id": item["id"], **reply})
                elif as_json:
                    show(reply)
                else:
                    print_reply(reply)

    asyncio.run(run())


def print_reply(reply: dict[str, Any], *, with_text: bool = True) -> None:
    if with_text:
        print(reply["text"])
    for citation in reply["citations"]:
        print(f"  [{citation['n']}] {citation['title']} ({citation['url']})")
    sure = "" if reply["confidence"] is None else f", confidence {reply['confidence']:.2f}"
    ticket = f", ticket #{reply['ticket']['number']}" if reply["ticket"] else ""
    print(f"  ({reply['outcome']}{sure}{ticket})")


@app.command()
def chat() -> None:
    """Talk with Clara in the terminal; an empty line or Ctrl-D ends."""
    from agents.prompts import GREETING
    from graph.run import Token

    async def run() -> None:
        async with ready_support() as support:
            conversation_id = new_conversation(support)
            print(GREETING)
            while True:
                try:
                    text = (await asyncio.to_thread(input, "\n> ")).strip()
                except EOFError:
                    break
                if not text:
                    break
                async for event in converse(support, conversation_id, text):
                    if isinstance(event, Token):
                        print(event.text, end="", flush=True)
                    elif isinstance(event, dict):
                        print()
                        print_reply(event, with_text=False)

    asyncio.run(run())


@app.command()
def classify(
    subject: Annotated[str | None, typer.Argument()] = None,
    body: Annotated[str, typer.Argument()] = "",
    batch: Batch = None,
    as_json: Json = False,
) -> None:
    """What a message is about, how urgent it is, and whether it is ours."""
    from graph.means import open_classifier
    from memory.knowledge.encoder import open_encoder

    given = one_or_batch(f"{subject}\n{body}".strip() if subject is not None else None, batch)
    settings = read_settings()
    classifier, encoder = open_classifier(settings, say), open_encoder(settings.encoder)
    for item in given:
        found = classifier.classify(item["text"], encoder.encode([item["text"]])[0]).as_json()
        if as_json or batch is not None:
            show({**({"id": item["id"]} if batch is not None else {}), **found})
            continue
        sure: dict[str, float] = found.pop("confidence")  # type: ignore[assignment]
        for name, value in found.items():
            print(f"{name:13} {value}" + (f"  ({sure[name]:.2f})" if name in sure else ""))


@app.command()
def train(
    data: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Labelled messages, a CSV with a header.")],
    text: Annotated[str | None, typer.Option(help="Its column of texts. [default: text, message, question, …]")] = None,
    label: Annotated[
        str | None, typer.Option(help="Its column of labels. [default: label, intent, category, class]")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Judge on this file, not on folds of the data.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for the model and report.html. [default: train]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fit a classifier on labels of one's own, and say how good it is."""
    from evals import train as training
    from memory.knowledge.encoder import open_encoder

    settings = read_settings()
    folder = out or settings.home / "train"
    encoder = open_encoder(settings.encoder)
    try:
        document = training.train_and_judge(data, encoder, folder, say, text=text, label=label, test=test)
    except training.BadColumn as fault:
        raise typer.BadParameter(str(fault)) from None
    say(f"Wrote {folder / 'report.html'}.")
    if as_json:
        show(document)
    else:
        print("\n".join(training.as_lines(document)))


@user_app.command("add")
def add_user(
    email: str,
    role: Annotated[str, typer.Option(help="admin, manager, csr, sales or marketing")],
    team: Annotated[str | None, typer.Option(help="Such as support_tier1.")] = None,
    name: Annotated[str | None, typer.Option(help="How colleagues see the user; by default from the address.")] = None,
) -> None:
    """Add a staff user; asks for the password, or reads CLARA_PASSWORD."""
    from graph.home import prepare_schema
    from memory.database import transaction
    from memory.tables import Role
    from tools.passwords import hash_password
    from tools.permissions import SYSTEM
    from tools.users import add_user as add

    if role not in set(Role):
        raise typer.BadParameter(f"unknown role {role!r}; use one of {', '.join(Role)}")
    settings = read_settings()
    sessions = prepare_schema(settings, say)
    password = settings.password.get_secret_value() if settings.password else typer.prompt(
        "Password", hide_input=True, confirmation_prompt=True, err=True
    )  # fmt: skip
    with transaction(sessions) as session:
        user = add(
            session,
            SYSTEM,
            email=email,
            display_name=name or email.partition("@")[0],
            role=Role(role),
            team=team,
            password_hash=hash_password(settings, password),
        )
    print(f"Added {user.email} as {user.role}.")


@app.command()
def serve(
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one needs PostgreSQL.")] = 1,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Leave background work to `clara worker`.")] = False,
) -> None:
    """The API, the web app and (on SQLite) the background worker, in one process."""
    from api.serve import run

    settings = read_settings()
    if workers > 1 and settings.is_sqlite:
        raise typer.BadParameter("SQLite has one writer: more than one worker process needs PostgreSQL")
    run(settings, host=host, port=port, workers=workers, with_worker=not no_worker, say=say)


@app.command()
def worker() -> None:
    """The background worker alone; any number of them on PostgreSQL."""
    from api.serve import run_worker

    run_worker(read_settings(), say=say)


@app.command(name="eval")
def evaluate(
    suites: Annotated[
        list[str] | None,
        typer.Argument(help="Of classification, retrieval, confidence, answers, conversations; by default all."),
    ] = None,
    collections: Annotated[
        str | None,
        typer.Option(
            help="What retrieval and confidence are measured on, with commas between: own, stackfaq, stackfaq-answers, "
            "aws-docs-qa (encodes for a quarter of an hour the first time), mtrag. [default: own,stackfaq]"
        ),
    ] = None,
    kb: Annotated[
        Path | None, typer.Option(exists=True, help="Measure with this folder or file as the knowledge base.")
    ] = None,
    cases: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Its questions: JSONL, whose fields docs/evals.md names."),
    ] = None,
    sealed: Annotated[bool, typer.Option("--sealed", help="The half of the cases that nothing is tuned on.")] = False,
    report: Annotated[
        Path | None, typer.Option(file_okay=False, help="Write results.json and report.html into this folder.")
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="OLD NEW", help="Measure nothing; compare two results.json, or their folders."),
    ] = None,
    goals: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Goals of one's own. [default: evals/goals.toml]")
    ] = None,
    as_json: Json = False,
) -> None:
    """The eval suites, on installations of their own; exit 1 when a goal in evals/goals.toml is missed."""
    from evals import command

    try:
        if compare is not None:
            document, table = command.compare_files(*compare)
            show(document) if as_json else print(table)
            return
        chosen = command.choose(suites or [], collections, kb, cases, sealed=sealed, goals=goals or command.GOALS)
    except command.BadUsage as fault:
        raise typer.BadParameter(str(fault)) from None
    with progress_bar() as bar:

        def step(name: str) -> Any:
            task = bar.add_task(name, total=None)
            return lambda done, of: bar.update(task, completed=done, total=of, visible=done < of)

        # above the bar, and as it stands
        note = partial(bar.console.print, markup=False, highlight=False, soft_wrap=True)
        document = command.evaluate(chosen, read_settings().home / "evals", step, note)
    if report is not None:
        say(f"Wrote {command.write_report(report, document)}.")
    if as_json:
        show(document)
    else:
        print("\n".join(command.as_lines(document)))
    for missed in document["missed"]:
        say(command.told(missed))
    if document["missed"]:
        raise typer.Exit(1)


@app.command()
def bench(
    case: Annotated[list[str] | None, typer.Argument(help="turn, cold_start; by default all.")] = None,
    as_json: Json = False,
) -> None:
    """Clara beside the naive LangChain way, measured in one run; exit 1 when a goal is missed."""
    from evals.bench import cases

    if unknown := set(case or ()) - set(cases.CASES):
        raise typer.BadParameter(f"unknown case {', '.join(sorted(unknown))}; there are {', '.join(cases.CASES)}")
    raise typer.Exit(cases.bench(case or list(cases.CASES), say, as_json=as_json))


@app.command()
def doctor(as_json: Json = False) -> None:
    """What is configured, reachable and missing; never a secret."""
    from api.doctor import examine

    findings = examine(read_settings())
    if as_json:
        show([{"check": finding.check, "ok": finding.ok, "detail": finding.detail} for finding in findings])
    else:
        for finding in findings:
            print(f"{'ok ' if finding.ok else 'NO '} {finding.check:12} {finding.detail}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
