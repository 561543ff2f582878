"""The command line: what a person types, and how answers and refusals are shown."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from features.errors import BadInput, HandrailError
from features.importers.doors import DOORS, Door
from handrail.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
importing = typer.Typer(
    no_args_is_help=True,
    help="Bring raw data into the school's lake. What cannot be used is set aside with its reason, the rest goes in; "
    "the same import again adds nothing. For data of your own: docs/guides/own-data.md.",
)
keys = typer.Typer(no_args_is_help=True, help="Keys for programs that call the API.")
users = typer.Typer(no_args_is_help=True, help="People who use the page.")
rules = typer.Typer(no_args_is_help=True, help="The rules that recommend actions.")
decisions = typer.Typer(no_args_is_help=True, help="The decisions that are stored.")
uplift = typer.Typer(no_args_is_help=True, help="What each action does.")
policy = typer.Typer(no_args_is_help=True, help="Ways of deciding.")
for name, group in (
    ("import", importing),
    ("key", keys),
    ("user", users),
    ("rules", rules),
    ("decisions", decisions),
    ("policy", policy),
    ("uplift", uplift),
):
    app.add_typer(group, name=name)

Out = Annotated[Path, typer.Option("--out", help="Where to: .csv or .parquet.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="The cut-off, YYYY-MM-DD: what was known before that day.")]
Draft = Annotated[
    Path | None, typer.Option("--draft", help="A folder of settings to try instead of the school's configs/.")
]
LabelName = Annotated[str | None, typer.Option("--label", help="Which definition of leaving; see docs/glossary.md.")]


class _Call:
    """One call of the command: its school, and how to answer."""

    def __init__(self, settings: Settings, as_json: bool) -> None:
        self.settings, self.as_json = settings, as_json

    def say(self, words: str, **document: Any) -> None:
        """Answers in words, or with one JSON document."""
        print(json.dumps(document, default=str, ensure_ascii=False) if self.as_json else words)


@app.callback()
def _options(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option("--home", help="The school's folder; HANDRAIL_HOME, or ./school.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")] = False,
) -> None:
    context.obj = _Call(Settings.read(home), as_json)


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is not a date", where=option, mend="Write it like 2014-11-05") from error


def _add_door(door: Door) -> None:
    def run(context: typer.Context, path: Path = typer.Argument(metavar=door.takes)) -> None:  # noqa: B008
        _imported(context.obj, door.name, path)

    importing.command(door.name, help=door.text)(run)


def _import_csv(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="MAPPING | --guess FILE...")],
    guess: Annotated[bool, typer.Option("--guess", help="Propose a mapping of these exports, import nothing.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Where the proposal goes; shown if not given.")] = None,
) -> None:
    from handrail import journeys

    call: _Call = context.obj
    if guess:
        text = journeys.propose_mapping(call.settings, paths, out)
        return call.say(f"{out} is written: read it, settle its questions" if out else text, mapping=text, out=out)
    if len(paths) > 1 or out:
        raise BadInput("takes one mapping", where="handrail import csv", mend="With --guess it takes the exports")
    return _imported(call, "csv", paths[0])


for door in DOORS:
    if door.name == "csv":
        importing.command(door.name, help=f"{door.text} With --guess it proposes one.")(_import_csv)
    else:
        _add_door(door)


def _imported(call: _Call, door: str, path: Path) -> None:
    from handrail import journeys

    report = journeys.import_data(call.settings, door, path, quiet=call.as_json)
    call.say(journeys.import_words(report), **report.as_dict())


@app.command("features")
def _features(
    context: typer.Context,
    out: Out,
    as_of: Annotated[str, typer.Option("--as-of", help="The first cut-off, YYYY-MM-DD.")],
    every: Annotated[str, typer.Option("--every", help="Step between cut-offs, such as 7d.")] = "7d",
    until: Annotated[str | None, typer.Option("--until", help="The last cut-off, YYYY-MM-DD.")] = None,
) -> None:
    """The feature table at one or many moments."""
    from handrail import journeys

    call: _Call = context.obj
    cuts = journeys.cut_offs(_day(as_of, "--as-of"), _day(until, "--until") if until else None, every)
    table = journeys.features_table(call.settings, cuts, out, quiet=call.as_json)
    call.say(
        f"{len(table):,} rows of {len(cuts)} cut-offs written to {out}",
        rows=len(table),
        cut_offs=len(cuts),
        out=str(out),
    )


@app.command("train")
def _train(
    context: typer.Context,
    label: LabelName = None,
    until: Annotated[str | None, typer.Option("--until", help="Use only what was known before this day.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed and data make the same model.")] = 1,
    tune: Annotated[int, typer.Option("--tune", min=0, help="Trials of other tree settings; see model.toml.")] = 0,
) -> None:
    """Dataset, fit, calibrate, gates; registered as challenger."""
    from handrail import journeys

    call: _Call = context.obj
    day = _day(until, "--until") if until else None
    result = journeys.train(call.settings, label, day, seed, tune=tune, quiet=call.as_json)
    call.say(journeys.train_words(result), **journeys.train_document(result))


@app.command("promote")
def _promote(
    context: typer.Context,
    label: LabelName = None,
    version: Annotated[
        str | None, typer.Option("--version", help="Which version; the challenger if not given.")
    ] = None,
    override: Annotated[
        str | None, typer.Option("--override", help="Go on in spite of red gates; the reason is kept.")
    ] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Only let it run beside the champion every night, to compare.")
    ] = False,
    off: Annotated[bool, typer.Option("--off", help="With --shadow: take the shadow away.")] = False,
) -> None:
    """Makes the challenger the champion, unless a gate is red."""
    from handrail import journeys, shadowing

    call: _Call = context.obj
    if shadow or off:
        done = shadowing.promote(call.settings, label, version, override, shadow=shadow, off=off)
        call.say(done.words(), **done.as_dict())
    else:
        name, promoted = journeys.promote(call.settings, label, version, override)
        call.say(f"{name} version {promoted} is the champion. Next: handrail nightly", label=name, version=promoted)


@app.command("rollback")
def _rollback(context: typer.Context, label: LabelName = None) -> None:
    """Brings the champion before this one back."""
    from handrail import journeys

    call: _Call = context.obj
    name, version = journeys.rollback(call.settings, label)
    call.say(f"{name} version {version} is the champion again", label=name, version=version)


@app.command("reproduce")
def _reproduce(context: typer.Context, run_id: Annotated[str, typer.Argument(metavar="RUN_ID")]) -> None:
    """Makes the model of a run again and says whether it is the same, byte for byte."""
    from handrail import reproduction

    call: _Call = context.obj
    found = reproduction.reproduce(call.settings, run_id, quiet=call.as_json)
    call.say(found.words(), **found.as_dict())
    if not found.same:
        raise typer.Exit(1)


@app.command("score")
def _score(context: typer.Context, out: Out, as_of: AsOf = None, label: LabelName = None) -> None:
    """Risk of every live enrolment, to a file."""
    from handrail import journeys

    call: _Call = context.obj
    table = journeys.score(call.settings, label, _day(as_of, "--as-of") if as_of else None, out, quiet=call.as_json)
    call.say(f"{len(table):,} live enrolments scored, written to {out}", rows=len(table), out=str(out))


@app.command("backtest")
def _backtest(
    context: typer.Context,
    out: Out,
    first: Annotated[str, typer.Option("--from", help="The first origin, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="The last origin, YYYY-MM-DD.")],
    label: LabelName = None,
    every: Annotated[str, typer.Option("--every", help="Step between origins, such as 7d.")] = "7d",
    retrain_every: Annotated[str, typer.Option("--retrain-every", help="How long a model is kept.")] = "28d",
    seed: Annotated[int, typer.Option("--seed", help="The same seed and data make the same risks.")] = 1,
) -> None:
    """Scores the past as it was: each risk is made only with what was known on its day."""
    from handrail import backtesting

    call: _Call = context.obj
    days = _day(first, "--from"), _day(last, "--to")
    found = backtesting.backtest(call.settings, label, *days, every, retrain_every, seed, out, quiet=call.as_json)
    call.say(found.words(), **found.as_dict())


@app.command("drift")
def _drift(
    context: typer.Context,
    as_of: AsOf = None,
    label: LabelName = None,
    html: Annotated[Path | None, typer.Option("--html", help="Where to write a page with every distribution.")] = None,
) -> None:
    """Whether today's data are still what the served model was made on, and its risks what they say."""
    from handrail import drifting

    call: _Call = context.obj
    day = _day(as_of, "--as-of") if as_of else None
    found = drifting.drift(call.settings, label, day, html, quiet=call.as_json)
    call.say(found.words(), **found.as_dict())


@app.command("retrain")
def _retrain(
    context: typer.Context,
    label: LabelName = None,
    if_needed: Annotated[
        bool, typer.Option("--if-needed", help="Only if drift, age or a new definition asks for it.")
    ] = False,
    until: Annotated[str | None, typer.Option("--until", help="Use only what was known before this day.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed and data make the same model.")] = 1,
) -> None:
    """A new challenger; says why or why not, and promotes it only where drift.toml says so."""
    from handrail import retraining

    call: _Call = context.obj
    day = _day(until, "--until") if until else None
    done = retraining.retrain(call.settings, label, day, seed, if_needed=if_needed, quiet=call.as_json)
    call.say(done.words(), **done.as_dict())


@app.command("nightly")
def _nightly(context: typer.Context, as_of: AsOf = None) -> None:
    """Score, decide, store, rank and publish the list."""
    from handrail import journeys

    call: _Call = context.obj
    night = journeys.nightly(call.settings, _day(as_of, "--as-of") if as_of else None, quiet=call.as_json)
    call.say(night.words(), **night.as_dict())


@app.command("readout")
def _readout(
    context: typer.Context,
    experiment: Annotated[str, typer.Argument(help="Its name in the decisions.")],
    as_of: AsOf = None,
    horizon: Annotated[int | None, typer.Option("--horizon", help="Days after the decision to look at.")] = None,
) -> None:
    """Effect of the treated against the hold-out, with its interval."""
    from handrail import journeys

    call: _Call = context.obj
    words, document = journeys.readout(call.settings, experiment, _day(as_of, "--as-of") if as_of else None, horizon)
    call.say(words, **document)


@policy.command("evaluate")
def _policy_evaluate(
    context: typer.Context,
    first: Annotated[str | None, typer.Option("--from", help="The first day of the decisions, YYYY-MM-DD.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day of the decisions, YYYY-MM-DD.")] = None,
    level: Annotated[str | None, typer.Option("--level", help="Only decisions of L0, L1, L2 or L3.")] = None,
) -> None:
    """What other ways of deciding would have brought, by decisions drawn by lot; refused where those cannot tell."""
    from handrail import policies

    call: _Call = context.obj
    days = (_day(first, "--from") if first else None, _day(last, "--to") if last else None)
    found = policies.evaluate(call.settings, *days, level, quiet=call.as_json)
    call.say(found.words(), **found.as_dict())
    if not found.supported:
        raise typer.Exit(1)


@app.command("serve")
def _serve(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8000,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
) -> None:
    """The API and the curators' page."""
    from handrail import serving_app

    call: _Call = context.obj
    serving_app.serve(call.settings, host, port)


@app.command("demo")
def _demo(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8000,
    students: Annotated[int, typer.Option("--students", min=300, max=100_000)] = 3000,
    serve: Annotated[bool, typer.Option(help="Serve at the end.")] = True,
) -> None:
    """A made school, from nothing to a served risk list."""
    from handrail import demo, serving_app

    call: _Call = context.obj
    if serve:
        serving_app.check_port("127.0.0.1", port)
    call.say(demo.prepare(call.settings, port, students, quiet=call.as_json))
    if serve:
        serving_app.serve(call.settings, "127.0.0.1", port)


@app.command("doctor")
def _doctor(context: typer.Context) -> None:
    """What is in the lake, which features it fills, and whether the school is fit to serve."""
    from handrail import doctor

    call: _Call = context.obj
    found = doctor.examine(call.settings, quiet=call.as_json)
    call.say(found.words(), **found.as_dict())
    if not found.fit:
        raise typer.Exit(1)


@rules.command("check")
def _rules_check(context: typer.Context, draft: Draft = None) -> None:
    """Whether the rules, actions and gates can be used, each rule in words, and which hold for too many or nobody."""
    from handrail import rules

    call: _Call = context.obj
    found = rules.check(call.settings, draft, quiet=call.as_json)
    call.say(found.words(), **found.as_dict())
    if found.refused:
        raise typer.Exit(1)


@rules.command("try")
def _rules_try(
    context: typer.Context,
    student: Annotated[str, typer.Option("--student", help="The student's id.")],
    as_of: AsOf = None,
    draft: Draft = None,
) -> None:
    """What the rules make of one student, rule by rule; nothing is stored."""
    from handrail import rule_trial

    call: _Call = context.obj
    found = rule_trial.attempt(call.settings, student, _day(as_of, "--as-of") if as_of else None, draft)
    call.say(found.words(), **found.as_dict())


@rules.command("simulate")
def _rules_simulate(context: typer.Context, as_of: AsOf = None, draft: Draft = None) -> None:
    """How many students each rule would touch, and what that would take; nothing is stored."""
    from handrail import rules

    call: _Call = context.obj
    day = _day(as_of, "--as-of") if as_of else None
    found = rules.simulate(call.settings, day, draft, quiet=call.as_json)
    call.say(found.words(), **found.as_dict())


@decisions.command("replay")
def _decisions_replay(context: typer.Context, day: Annotated[str, typer.Option("--day", help="YYYY-MM-DD.")]) -> None:
    """Makes every decision of a day again from its record; reports differences, of which there must be none."""
    from handrail import journeys

    call: _Call = context.obj
    found = journeys.replay(call.settings, _day(day, "--day"))
    call.say(found.words(), **found.as_dict())
    if not found.same:
        raise typer.Exit(1)


@uplift.command("train")
def _uplift_train(
    context: typer.Context,
    label: LabelName = None,
    until: Annotated[str | None, typer.Option("--until", help="Use only what was known before this day.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed and data make the same effects.")] = 1,
) -> None:
    """Effect of each action, and how much of it may decide; nothing more than the evidence supports."""
    from handrail import uplift

    call: _Call = context.obj
    found = uplift.train(call.settings, label, _day(until, "--until") if until else None, seed, quiet=call.as_json)
    call.say(found.words(), **found.as_dict())


@keys.command("create")
def _create_key(
    context: typer.Context,
    scope: Annotated[
        list[str], typer.Option("--scope", help="score, read, write or admin; may be given several times.")
    ],
    name: Annotated[str, typer.Option("--name", help="Whose key it is.")] = "",
    days: Annotated[int | None, typer.Option("--days", min=1, help="Days until it expires.")] = None,
) -> None:
    """A new key, shown once."""
    from handrail import journeys

    call: _Call = context.obj
    key = journeys.create_key(call.settings, scope, name, days)
    call.say(f"{key}\nIt is shown only now: keep it where secrets are kept.", key=key, scopes=scope)


@users.command("create")
def _create_user(
    context: typer.Context,
    login: str,
    role: Annotated[str, typer.Option("--role", help="curator, head or admin.")] = "curator",
    language: Annotated[str | None, typer.Option("--language", help="en, ru or zh.")] = None,
) -> None:
    """A new person, with a password made now and shown once."""
    from handrail import journeys

    call: _Call = context.obj
    password = journeys.create_user(call.settings, login, role, language)
    call.say(f"login {login}, password {password}\nIt is shown only now.", login=login, password=password, role=role)


def main() -> None:
    """Runs the command; exits 0, 1 when it was refused, 2 when it was used wrongly."""
    try:
        app(_options_first(sys.argv[1:]))
    except HandrailError as error:
        if "--json" in sys.argv:
            print(json.dumps({"error": error.what, "where": error.where, "mend": error.mend}, ensure_ascii=False))
        print(f"handrail: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("handrail: stopped", file=sys.stderr)
        sys.exit(130)


def _options_first(words: list[str]) -> list[str]:
    """Every command takes --home and --json, wherever they stand."""
    first: list[str] = []
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if word == "--json" or word.startswith("--home="):
            first.append(word)
        elif word == "--home":
            first += [word, next(left, "")]
        else:
            rest.append(word)
    return [*first, *rest]
