"""A program under `python -m asyncioxide`: its namespace, its paths, and what can be one."""

from __future__ import annotations

import compileall
import os
import sys
import zipfile

import pytest

# Everything in `__main__`, and what Python says of the program's place.
SHOW = """
import sys
for name, value in sorted(vars().copy().items()):
    print(name, type(value).__name__, value if isinstance(value, (str, type(None))) else "")
print(sys.argv, sys.path, sys.flags, __name__, sys.modules["__main__"].__dict__ is globals())
print(vars(__loader__) if not isinstance(__loader__, type) else __loader__)
"""


def test_a_script_finds_the_same_main(same):
    assert "program.py" in same(SHOW).stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("a", "--debug", "-h"),
        ("-m", "module"),
        ("--", "-c", "x"),
        ("", " ", "ü"),
        ("ps", "1"),
    ],
)
def test_what_follows_the_script_is_its_own(same, arguments):
    assert same("import sys; print(sys.argv)", *arguments).status == 0


@pytest.mark.parametrize("path", ["./program.py", "below/../program.py", "{folder}/program.py"])
def test_a_script_by_another_name_of_its_file(folder, path):
    folder.write("program.py", SHOW)
    (folder.path / "below").mkdir()
    folder.same(path.format(folder=folder.path))


def test_a_linked_script_imports_from_where_its_file_is(folder):
    folder.write("real/program.py", "import neighbour\n" + SHOW)
    folder.write("real/neighbour.py", "print('imported')")
    (folder.path / "linked.py").symlink_to("real/program.py")
    assert "imported" in folder.same("linked.py").stdout


@pytest.mark.parametrize("option", ["-P", "-I", "-O"])
def test_options_of_python_stay_in_force(folder, option):
    folder.write("program.py", SHOW)
    folder.same("program.py", before=(option,))


@pytest.mark.parametrize("form", [("-c", SHOW), (f"-c{SHOW}",)], ids=["apart", "attached"])
def test_code(folder, form):
    folder.same(*form, "x", "-c")


def test_indented_code_is_code_where_python_says_so(folder):
    ending = folder.same("-c", "\n  print(1)\n  if True:\n    print(2)\n")
    assert (ending.status == 0) is (sys.version_info >= (3, 14))


@pytest.mark.parametrize("arguments", [(), ("a", "-")])
def test_a_program_from_standard_input(folder, arguments):
    assert "<stdin>" in folder.same("-", *arguments, stdin=SHOW).stdout


def test_a_program_from_standard_input_has_none_left(folder):
    folder.same("-", stdin="import sys; print(repr(sys.stdin.read()))")


def test_a_script_reads_standard_input(folder):
    folder.write("program.py", "print(input(), input())")
    assert folder.same("program.py", stdin="a\nb\n").stdout == "a b\n"
    assert "EOFError" in folder.same("program.py", stdin="a\n").stderr


@pytest.mark.parametrize("form", [("-m", "tool"), ("-mtool",)], ids=["apart", "attached"])
def test_a_module(folder, form):
    folder.write("tool.py", SHOW)
    folder.same(*form, "a", "-b")


def test_a_package_is_imported_before_it_runs(folder):
    folder.write("pack/__init__.py", "import sys; print(sys.argv, __name__)")
    folder.write("pack/__main__.py", "from . import other\n" + SHOW)
    folder.write("pack/other.py", "print(__name__, __package__)")
    assert "pack.other" in folder.same("-m", "pack", "a").stdout
    folder.same("-m", "pack.other")


@pytest.mark.parametrize(
    "module", ["nowhere", "pack.nowhere", "pack.without", "pack", "broken", "a/b", "tool.py", ""]
)
def test_a_module_that_cannot_run(folder, module):
    folder.write("pack/__init__.py", "")
    folder.write("pack/without/__init__.py", "")
    folder.write("broken.py", "import nowhere")
    folder.write("tool.py", "")
    assert folder.same("-m", module).status == 1


def test_a_folder_and_a_zip_file(folder):
    main = folder.write("app/__main__.py", "import part\n" + SHOW)
    part = folder.write("app/part.py", "print('part')")
    with zipfile.ZipFile(folder.path / "app.zip", "w") as archive:
        archive.write(main, "__main__.py")
        archive.write(part, "part.py")
    for name in ("app", "app/", "./app", "app.zip"):
        assert "part\n" in folder.same(name, "a").stdout


def test_no_folder_is_searched_in_safe_mode(folder):
    folder.write("app/__main__.py", SHOW)
    folder.same("app", before=("-P",))
    folder.same("-c", SHOW, before=("-P",))
    folder.same("-m", "app", before=("-P",))


@pytest.mark.parametrize("name", ["empty", "nowhere", "nowhere/program.py", "none.zip"])
def test_what_cannot_be_opened(folder, name):
    (folder.path / "empty").mkdir()
    with zipfile.ZipFile(folder.path / "none.zip", "w") as archive:
        archive.writestr("other.py", "")
    assert folder.same(name).status == (2 if "nowhere" in name else 1)


def test_a_compiled_script(folder):
    folder.write("program.py", SHOW)
    compileall.compile_file(folder.path / "program.py", legacy=True, quiet=1)
    (folder.path / "program.py").unlink()
    os.link(folder.path / "program.pyc", folder.path / "unnamed")
    folder.same("program.pyc")
    folder.same("unnamed")
    folder.write("program.pyc", b"\0\0\0\0old")
    assert "Bad magic number" in folder.same("program.pyc").stderr


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xef\xbb\xbfprint('bom')",
        b"# coding: latin-1\nprint('\xe4')",
        b"print(1)\r\nprint(2)\rprint(3)",
        b"#!/usr/bin/env python\nprint(1)\n\x0cprint(2)",
        b"'doc'\nprint(__doc__)",
        b"x: int = 1\nprint(__annotations__)",
        b"def f(a: int): pass\nprint(f.__annotations__)",
    ],
)
def test_sources(same, text):
    same(text)


def test_a_script_outlives_its_own_name_at_exit_as_in_python(same):
    ending = same("import atexit\natexit.register(lambda: print('__file__' in globals()))\n")
    assert ending.stdout == "False\n"


def test_classes_of_main_are_pickled(same):
    ending = same("""
import pickle
class Point:
    def __eq__(self, other):
        return type(other) is Point
print(pickle.loads(pickle.dumps(Point())) == Point(), Point)
""")
    assert ending.stdout == "True <class '__main__.Point'>\n"


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_processes_of_multiprocessing_find_main(same, method):
    # Python 3.12 warns of a fork beside threads, which depends on the moment.
    ending = same(
        f"""
import multiprocessing, sys
def work(number):
    return number * 2, __name__, sys.argv
if __name__ == "__main__":
    with multiprocessing.get_context("{method}").Pool(1) as pool:
        print(pool.map(work, [1, 2]))
""",
        "argument",
    )
    assert (ending.stderr, ending.status) == ("", 0)
