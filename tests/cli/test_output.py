"""What reaches stdout, stderr and report files."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbtool.cli.logline import logline
from dbtool.cli.output import TerminalAsk, folded
from dbtool.errors import UsageError
from dbtool.ports import Value
from tests.cli.conftest import Sample

if TYPE_CHECKING:
    from tests.conftest import Dbtool


def at_terminal(sample: Sample, *arguments: str, typed: str = "") -> str:
    """What a terminal shows of a sample command."""
    ours, theirs = pty.openpty()
    terminal = {"TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(
        sample.words(*arguments),
        cwd=sample.directory,
        env=sample.environment | terminal,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        while piece := _read(ours):
            shown += piece
    os.close(ours)
    return shown.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def test_reader_that_leaves(sample: Sample) -> None:
    """`| head -1` ends quietly, and a report cut short keeps its exit code."""
    ran = sample.shell('"$@" | head -1; echo "${PIPESTATUS[0]}"', "rows", "100000")
    assert (ran.stdout, ran.stderr) == ("number\n0\n", "")
    ran = sample.shell('"$@" | true; echo "${PIPESTATUS[0]}"', "judge", "error")
    assert (ran.stdout, ran.stderr) == ("1\n", "")


def test_stream_ends_with_its_reader(sample: Sample) -> None:
    """A stream ends quietly when nobody reads it any more."""
    ran = sample.shell('"$@" | head -2; echo "${PIPESTATUS[0]}"', "stream")
    assert (ran.stdout, ran.stderr) == ("tick\ntick\n0\n", "")


def test_full_disk_behind_stdout(sample: Sample) -> None:
    """A report that cannot be written is an error, and says that the work itself was done."""
    ran = sample.shell('"$@" > /dev/full', "rows", "1")
    assert ran.returncode == 4
    assert ran.stderr == (
        "error: cannot write the report to stdout\n"
        "detail: No space left on device. What the command did is done; only its report is lost.\n"
    )


@pytest.mark.parametrize("words", [("--help",), ("rows", "-h"), (), ("--version",)])
def test_help_nobody_reads(sample: Sample, words: tuple[str, ...]) -> None:
    """Help cut short by its reader ends quietly and well; only a bare call still fails."""
    ran = sample.shell('"$@" | true; echo "${PIPESTATUS[0]}"', *words)
    assert (ran.stdout, ran.stderr) == ("0\n", "")


def test_help_on_a_full_disk(sample: Sample) -> None:
    """Help that cannot be written is an error like any other."""
    ran = sample.shell('"$@" > /dev/full', "--help")
    assert ran.returncode == 4
    assert ran.stderr.startswith("error: cannot write the report to stdout\ndetail: No space left")


def test_closed_streams(sample: Sample) -> None:
    """A process started without some of the three streams does its work all the same."""
    assert sample.shell('"$@" >&-', "judge", "error").returncode == 1
    assert sample.shell('"$@" 2>&-', "progress").stdout == "Loaded 2 tables: é表\n"
    assert sample.shell('"$@" <&- >&- 2>&-', "judge", "note").returncode == 0


def test_stderr_that_leaves(sample: Sample) -> None:
    """Progress that nobody reads does not stop the work."""
    ran = sample.shell('"$@" 2> /dev/full', "progress")
    assert (ran.returncode, ran.stdout) == (0, "Loaded 2 tables: é表\n")


def test_report_file(sample: Sample) -> None:
    """-o FILE replaces a file as a whole, through a link, with its mode, and without colour."""
    real, link = sample.directory / "real.txt", sample.directory / "link.txt"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    ran = sample.run("judge", "note", "-o", "link.txt", env={"FORCE_COLOR": "1"})
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert real.read_text() == "[1] note (measured): something is wrong\n    some-rule\n\n1 note\n"
    assert real.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert {path.name for path in sample.directory.iterdir()} == {"link.txt", "real.txt"}


def test_report_file_on_a_full_disk(sample: Sample) -> None:
    """Where the new report does not fit, the old file stays and nothing else is left behind."""
    report = sample.directory / "report.txt"
    report.write_text("old")
    ran = sample.shell('ulimit -f 8; "$@"', "rows", "100000", "-o", "report.txt")
    assert ran.returncode == 4
    assert ran.stderr == (
        'error: cannot write the report to "report.txt"\n'
        "detail: File too large. What the command did is done; only its report is lost.\n"
    )
    assert report.read_text() == "old"
    assert [path.name for path in sample.directory.iterdir()] == ["report.txt"]


def test_report_file_that_cannot_be(sample: Sample) -> None:
    """A report file that cannot be written is refused before the command does anything."""
    ran = sample.run("crash", "never reached", "-o", "missing/report.txt")
    assert ran.returncode == 2
    assert ran.stderr == (
        'error: cannot write "missing/report.txt"\n'
        f'detail: There is no directory "{sample.directory / "missing"}".\n'
        "hint: Name a file in a directory you may write to.\n"
    )
    ran = sample.run("crash", "never reached", "--json", "-o", ".")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert 'error: cannot write "."\ndetail: It is a directory.\n' in ran.stderr


def test_report_to_a_device(sample: Sample) -> None:
    """A device is written to, never replaced."""
    ran = sample.shell('"$@" | cat', "judge", "note", "-o", "/dev/stdout")
    assert ran.stdout == "[1] note (measured): something is wrong\n    some-rule\n\n1 note\n"
    assert sample.run("judge", "note", "-o", "/dev/null").returncode == 0
    assert not Path("/dev/null").is_file()


def test_piped_output_is_plain(sample: Sample) -> None:
    """A pipe gets text alone; a terminal gets colour, unless NO_COLOR or TERM=dumb."""
    plain = "[1] error (measured): something is wrong\n    some-rule\n\n1 error\n"
    coloured = plain.replace("error (", "\x1b[1;31merror\x1b[0m (")
    assert sample.run("judge", "error").stdout == plain
    assert sample.run("judge", "error", env={"FORCE_COLOR": "1"}).stdout == coloured
    assert at_terminal(sample, "judge", "error").replace("\r\n", "\n") == coloured
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        ran = sample.run("judge", "error", env={"FORCE_COLOR": "1", **variables})
        assert ran.stdout == plain


def test_errors_on_a_terminal(sample: Sample) -> None:
    """Only the label of an error stands out, so that it is still read without colour."""
    assert at_terminal(sample, "fail", "lock") == (
        "\x1b[1;31merror:\x1b[0m it went wrong\r\n"
        "detail: line one\r\n        line two\r\nhint: Try again.\r\n"
    )


def test_narrow_pipe(sample: Sample) -> None:
    """COLUMNS is obeyed also where nobody looks at a screen."""
    ran = sample.run("judge", "error", env={"COLUMNS": "30"})
    assert ran.stdout.startswith("[1] error (measured):\n    something is wrong\n")


def test_stream_that_knows_few_characters(sample: Sample) -> None:
    """Characters the stream cannot carry become question marks instead of a crash."""
    ran = sample.run("progress", env={"PYTHONIOENCODING": "ascii"})
    assert (ran.returncode, ran.stdout) == (0, "Loaded 2 tables: ??\n")


def test_annotations_in_github_actions(sample: Sample) -> None:
    """On GitHub annotations come by themselves with the terminal format, and only with it."""
    actions = {"GITHUB_ACTIONS": "true"}
    assert sample.run("judge", "warning", env=actions).stdout == (
        "::warning title=some-rule::something is wrong (measured)\n"
        "[1] warning (measured): something is wrong\n    some-rule\n\n1 warning\n"
    )
    assert "::" not in sample.run("judge", "warning", "--json", env=actions).stdout


def test_summary_in_github_actions(sample: Sample) -> None:
    """--format github adds the whole report to the summary of the step."""
    summary = sample.directory / "summary.md"
    summary.write_text("before\n")
    ran = sample.run(
        *("judge", "unknown", "--format", "github"), env={"GITHUB_STEP_SUMMARY": str(summary)}
    )
    assert ran.stdout == (
        "::notice title=some-rule::unknown: no rights%0Ato decide: GRANT pg_monitor TO app;\n"
        "no findings, 1 unknown\n"
    )
    assert summary.read_text() == (
        "before\n## dbtool judge\n\n<b>unknown</b>: no rights <code>some-rule</code>\n\n"
        "- to decide: GRANT pg\\_monitor TO app;\n\n**no findings, 1 unknown**\n"
    )


def test_progress_in_a_log(sample: Sample) -> None:
    """Off a terminal progress is plain lines on stderr, and stdout is the report."""
    ran = sample.run("progress", "--json")
    assert json.loads(ran.stdout)["data"] is None
    assert ran.stderr == "Loading\ninfo: the second one was empty\n"


def test_progress_on_a_terminal(sample: Sample) -> None:
    """On a terminal one line is redrawn, and gone when something else is to be said."""
    assert at_terminal(sample, "progress") == (
        "Loading\r\n"
        "\r  1 of 2 (50 %) tables\x1b[K\r  2 of 2 (100 %) tables\x1b[K\r\x1b[K"
        "info: the second one was empty\r\n"
        "\x1b[1mLoaded 2 tables: é表\x1b[0m\r\n"
    )


def test_event_as_a_line_of_a_log() -> None:
    """A field is one word, or quoted; nothing in it begins a line of its own."""
    text = 'a "b"\n=\\ \x1b'
    fields: dict[str, Value] = {"event": "retry", "pause": 0.5, "pid": 7, "lock": None}
    fields["text"] = text
    assert logline("upgrade", fields, 0.0) == (
        "1970-01-01T00:00:00Z upgrade event=retry pause=0.500 pid=7"
        ' text="a \\"b\\" =\\\\ \\\\x1b"\n'
    )


def test_question_nobody_can_answer(sample: Sample) -> None:
    """Off a terminal a question is refused, with the flag that answers it."""
    ran = sample.run("question")
    assert ran.returncode == 2
    assert ran.stderr == (
        "error: this needs a yes, and nobody is there to ask\n"
        'detail: "shop" may be production: no setting marks it.\n'
        "        Drop it? [y/N]\n"
        "hint: Run it at a terminal, or give --yes.\n"
    )


def test_a_name_nobody_can_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gave --yes is told that a yes is not what is missing."""
    monkeypatch.setattr("os.isatty", lambda _: False)
    with pytest.raises(UsageError) as raised:
        TerminalAsk().type_name('Downgrade "shop"? Type its name', "shop")
    assert (raised.value.message, raised.value.hint) == (
        'this needs the name "shop" typed, and nobody is there to ask',
        "Run it at a terminal, or give --confirm-database shop.",
    )


def test_questions_on_a_terminal(sample: Sample) -> None:
    """A yes counts only when it is said, and a name only when it is typed exactly."""
    assert "agreed True, typed True" in at_terminal(sample, "question", typed="yes\nshop\n")
    assert "agreed False, typed False" in at_terminal(sample, "question", typed="\nshop2\n")


def test_a_question_stands_apart(sample: Sample) -> None:
    """What a question rests on and the question itself are paragraphs of their own."""
    assert at_terminal(sample, "question", typed="yes\nshop\n").replace("\r\n", "\n") == (
        'yes\nshop\n\n"shop" may be production: no setting marks it.\n\nDrop it? [y/N] '
        "\nType the name of the database: \x1b[1magreed True, typed True\x1b[0m\n"
    )


def test_stderr_is_wrapped_between_words() -> None:
    """On a narrow terminal notes, errors and questions break where words end."""
    assert folded("info: ", "one two three four five six", 26) == (
        "info: one two three four\n      five six"
    )
    assert folded("", "as long as it gets", None) == "as long as it gets"


def test_control_characters_never_reach_the_terminal(sample: Sample) -> None:
    """Names and messages of others cannot steer the terminal, on stderr either."""
    ran = sample.run("raw")
    assert ran.stderr == (
        "step \\x1b[31m\ninfo: note \\x1b[31m\n"
        "error: name \\x1b[31m\ndetail: at env.py, line 70: \\x1b[2J\nhint: \\x9b1m\n"
    )


def test_failure_in_github_actions(sample: Sample) -> None:
    """On GitHub a failing run is one annotation on stdout, beside the line it names."""
    actions = {"GITHUB_ACTIONS": "true"}
    line = (
        "::error file=env.py,line=70,title=dbtool raw::name \\x1b[31m%0A"
        "at env.py, line 70: \\x1b[2J%0Ahint: \\x9b1m\n"
    )
    assert sample.run("raw", env=actions).stdout == line
    assert sample.run("raw", "--format", "github").stdout == line
    assert sample.run("raw", "-o", "report.txt", env=actions).stdout == line
    assert "::" not in sample.run("raw", "--json", env=actions).stdout
    unknown = sample.run("nosuch", env=actions)
    assert unknown.stdout.startswith('::error title=dbtool::no such command "nosuch"%0Ahint: See')
    assert unknown.returncode == 2


def test_failure_in_the_format_asked_for(sample: Sample) -> None:
    """Markdown, and the summary of a GitHub step, tell a failure too."""
    page = (
        "## dbtool fail\n\n**error**: it went wrong\n\n**detail**:\n\n"
        "```\nline one\nline two\n```\n\n**hint**: Try again.\n"
    )
    assert sample.run("fail", "lock", "--format", "markdown").stdout == page
    ran = sample.run("fail", "lock", "--format", "markdown", "-o", "page.md")
    assert (ran.returncode, ran.stdout) == (5, "")
    assert (sample.directory / "page.md").read_text() == page
    actions = {"GITHUB_ACTIONS": "true"}
    ran = sample.run("fail", "lock", "--format", "sarif", "-o", "log.sarif", env=actions)
    assert (ran.returncode, ran.stdout[:7]) == (5, "::error")
    assert not (sample.directory / "log.sarif").exists()
    summary = sample.directory / "summary.md"
    sample.run("fail", "lock", "--format", "github", env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert summary.read_text() == page


@pytest.mark.parametrize("how", ["well", "text"])
def test_code_that_ends_the_process(sample: Sample, how: str) -> None:
    """SystemExit out of a project's code is a failure, whatever it carries."""
    ran = sample.run("leave", how)
    assert (ran.returncode, ran.stdout) == (4, "")
    shown = {"well": "0", "text": "'text'"}[how]
    assert ran.stderr.startswith(
        "error: the project's code ended the process before the command was done\n"
        f"detail: It raised SystemExit({shown}).\n"
    )


def test_a_directory_that_has_gone(dbtool: "Dbtool", sample: Sample) -> None:
    """A shell left in a removed directory is told so; it is no bug."""
    program = Path(sys.executable).parent / "dbtool"
    for words in ("config", "pool", "local status", "upgrade", "init", "demo --keep"):
        ran = sample.shell(f"mkdir gone; cd gone; rmdir ../gone; {program} {words}")
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr == (
            "error: the current directory does not exist any more\n"
            "hint: Change to a directory that does: cd DIRECTORY\n"
        ), words


def test_installed_command_reads_no_setting_it_does_not_need(
    dbtool: "Dbtool", tmp_path: Path
) -> None:
    """A command without findings works beside a settings file that is broken."""
    (tmp_path / "dbtool.toml").write_text("not toml")
    assert dbtool("rules", cwd=tmp_path).code == 0
