"""Which files scripts read and write, as far as their text says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.automation.adopt.machines import a_file, a_machine

from steersman.automation.adopt.python_files import imported_modules, only_defines, read_python
from steersman.automation.adopt.shell_files import argument_touches, read_shell, read_text
from steersman.automation.adopt.started import READERS
from steersman.automation.adopt.touched import Seen, touches_of

SCRIPT = Path("/srv/s/x.py")
FOLDER = Path("/srv/run")


def said(seen: Seen) -> set[str]:
    return {f"{t.direction} {t.path}" for t in seen.touches}


PYTHON = [
    ("open('a.csv')", {"reads /srv/run/a.csv"}),
    ("open('/d/a.csv', 'w')", {"writes /d/a.csv"}),
    ("open('/d/a.csv', mode='a')", {"writes /d/a.csv"}),
    ("open('/d/a.csv', 'r+')", {"reads /d/a.csv", "writes /d/a.csv"}),
    ("D = Path('/d')\nP = D / 'a.csv'\nP.read_text()", {"reads /d/a.csv"}),
    ("P = Path(__file__).parent / 'd' / 'a'\nP.write_text('x')", {"writes /srv/s/d/a"}),
    ("P = Path(__file__).resolve().parents[1] / 'a'\nP.open('wb')", {"writes /srv/a"}),
    ("P = os.path.join(os.path.dirname(__file__), 'a')\nopen(P)", {"reads /srv/s/a"}),
    ("D = '/d'\nopen(f'{D}/a.txt')", {"reads /d/a.txt"}),
    ("D = '/d'\nopen(D + '/a.txt')", {"reads /d/a.txt"}),
    ("import sys\nopen(sys.argv[1])", {"reads /srv/run/in.csv"}),
    ("pd.read_csv('/d/a.csv').to_parquet('/d/b.parquet')", {"reads /d/a.csv", "writes /d/b.parquet"}),
    ("df.to_csv(path_or_buf='/d/b.csv')", {"writes /d/b.csv"}),
    ("pl.scan_parquet('/d/a').sink_csv('/d/b')", {"reads /d/a", "writes /d/b"}),
    ("df.write_csv('/d/b')", {"writes /d/b"}),
    ("np.save('/d/b.npy', x)\nnp.load('/d/a.npy')", {"writes /d/b.npy", "reads /d/a.npy"}),
    ("pq.write_table(t, '/d/b')", {"writes /d/b"}),
    ("joblib.dump(m, '/d/m')", {"writes /d/m"}),
    ("shutil.copy('/d/a', '/d/b')", {"reads /d/a", "writes /d/b"}),
    ("sqlite3.connect('/d/x.db')", {"reads /d/x.db", "writes /d/x.db"}),
    ("plt.savefig('/d/p.png')", {"writes /d/p.png"}),
    ("with gzip.open('/d/a.gz') as f: pass", {"reads /d/a.gz"}),
    ("pd.read_csv('https://h/a.csv')", set()),
    ("P = '/a'\nP = '/b'\nopen(P)", set()),
    ("open(name)", set()),
    ("print('not a file.csv')", set()),
    ("def f(:", set()),
]


@pytest.mark.parametrize(("text", "expected"), PYTHON)
def test_python_is_read_without_running_it(text: str, expected: set[str]) -> None:
    assert said(read_python(text, SCRIPT, FOLDER, ["in.csv"])) == expected


@pytest.mark.parametrize(
    ("text", "relative"),
    [
        ("open('a.csv')", True),
        ("open('/a.csv')", False),
        ("open(name)", True),
        ("subprocess.run(['x'])", True),
        ("print(1)", False),
        ("def f(:", True),
    ],
)
def test_it_is_known_whether_the_starting_folder_matters(text: str, relative: bool) -> None:
    assert read_python(text, SCRIPT, FOLDER, []).relative is relative


SHELL = [
    ("a > /d/o.csv", {"writes /d/o.csv"}),
    ("a >> o.csv", {"writes /srv/run/o.csv"}),
    ("a < /d/i.csv", {"reads /d/i.csv"}),
    ("a 2>&1 > /dev/null", set()),
    ("D=/d\ncp $D/a.csv ${D}/b.csv", {"reads /d/a.csv", "writes /d/b.csv"}),
    ('D=/d\nmv "$D/a.csv" /e/', {"reads /d/a.csv", "writes /e/a.csv"}),
    ("cd /d && cat a.csv", {"reads /d/a.csv"}),
    ('cd "$(dirname "$0")"\ncat a.csv', {"reads /srv/s/a.csv"}),
    ('HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"\ncat $HERE/a.csv', {"reads /srv/s/a.csv"}),
    ("sort $1 | tee /d/o.csv", {"reads /srv/run/in.csv", "writes /d/o.csv"}),
    ("curl -s https://h/x.csv -o /d/o.csv", {"writes /d/o.csv"}),
    ("sed -i s/a/b/ /d/a.csv", {"reads /d/a.csv", "writes /d/a.csv"}),
    ("if true; then cat /d/a.csv; fi", {"reads /d/a.csv"}),
    ("tool --input /d/a.csv --output=/d/b.csv", {"reads /d/a.csv", "writes /d/b.csv"}),
    ("X=$(date)\ncat $X.csv", set()),
]


@pytest.mark.parametrize(("text", "expected"), SHELL)
def test_shell_is_read_without_running_it(text: str, expected: set[str]) -> None:
    assert said(read_shell(text, Path("/srv/s/x.sh"), FOLDER, ["in.csv"])) == expected


def test_each_file_has_the_line_that_shows_it() -> None:
    seen = read_shell("#!/bin/sh\n\ncat /d/a.csv\n", Path("/srv/s/x.sh"), FOLDER, [])
    assert [t.where for t in seen.touches] == ["x.sh:3"]
    assert [t.where for t in read_text("cat /d/a.csv", "crontab:7", FOLDER).touches] == ["crontab:7"]


def test_scripts_that_a_script_starts_are_read_too(tmp_path: Path) -> None:
    a_file(tmp_path / "s/pull.py", "open('out.csv', 'w')\n")
    outer = a_file(tmp_path / "s/all.sh", 'cd "$(dirname "$0")"\npython3 pull.py\n')
    seen = touches_of("shell", outer, FOLDER, [], a_machine(tmp_path), READERS)
    assert seen is not None
    assert said(seen) == {f"writes {tmp_path}/s/out.csv"}
    assert seen.touches[0].where == "pull.py:1"


def test_scripts_that_start_each_other_are_read_once(tmp_path: Path) -> None:
    one, two = tmp_path / "1.sh", tmp_path / "2.sh"
    a_file(one, f"sh {two}\ncat /d/a.csv\n")
    a_file(two, f"sh {one}\n")
    seen = touches_of("shell", one, FOLDER, [], a_machine(tmp_path), READERS)
    assert seen is not None
    assert said(seen) == {"reads /d/a.csv"}


def test_arguments_are_files_where_they_look_like_files() -> None:
    found = argument_touches(["-v", "--date", "2026-01-01", "a.csv", "-o", "b.csv", "https://h/c.csv"], FOLDER, "x")
    assert [(t.direction, t.path) for t in found] == [("reads", "/srv/run/a.csv"), ("writes", "/srv/run/b.csv")]


def test_a_module_is_told_from_a_script() -> None:
    assert only_defines("import os\nX = 1\ndef f(): ...\n")
    assert not only_defines("def f(): ...\nf()\n")
    assert not only_defines("if __name__ == '__main__': pass\n")
    assert imported_modules("import a.b\nfrom c import d\nfrom . import e\n") >= {"a", "c", "e"}
