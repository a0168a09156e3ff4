"""The private scratch folder of a run: it works like any folder, it is small, and nobody else ever sees it."""

from __future__ import annotations

import time
from pathlib import Path

from app.protocol import JailOptions
from tests.sandbox.inside.conftest import LIMITS
from tests.sandbox.inside.driver import Jail


def test_a_model_can_be_saved_and_loaded(jail: Jail):
    code = (
        "import torch\nmodel = torch.nn.Linear(2, 2)\ntorch.save(model.state_dict(), 'model.pt')\n"
        "model.load_state_dict(torch.load('model.pt'))\nopen('x.txt', 'w').write('hi')\nprint(open('x.txt').read())"
    )
    outcome = jail.run(code)
    assert outcome.finished.error is None
    assert outcome.output == "hi\n"


def test_folders_and_temporary_files_work(jail: Jail):
    code = (
        "import os, tempfile\nos.makedirs('a/b')\nos.rename('a/b', 'c')\nos.rmdir('a')\n"
        "with tempfile.NamedTemporaryFile() as file:\n    print(file.name.startswith('/scratch/'))\nprint(os.listdir())"
    )
    assert jail.run(code).output == "True\n['c']\n"


def test_nobody_sees_the_folder_of_another_run(jail: Jail):
    living = jail.fork()
    code = "import time\nopen('secret', 'w').write('x')\nprint('written', flush=True)\ntime.sleep(60)"
    living.give(code, jail.limits)
    living.listen(_soon(), enough=lambda: b"written" in living.said[living.output])
    assert jail.run("import os\nprint(os.listdir('/scratch'))").output == "[]\n"
    living.signal(9)
    jail.finish(living)
    assert jail.run("import os\nprint(os.listdir('/scratch'))").output == "[]\n"


def test_nothing_of_it_reaches_the_machine(jail: Jail):
    jail.run("open('/scratch/autograd-explorer-seen', 'w').write('x')")
    assert not Path("/scratch/autograd-explorer-seen").exists()


def test_a_file_beyond_the_limit_is_refused(jail: Jail):
    code = "with open('big', 'wb') as file:\n    while True:\n        file.write(bytes(10**6))"
    error = jail.run(code).finished.error
    assert error is not None
    assert error.type == "OSError"


def test_many_files_meet_a_limit(jail: Jail):
    error = jail.run("for number in range(10**6):\n    open(str(number), 'w').close()").finished.error
    assert error is not None
    assert error.message.startswith("[Errno 28]")


def test_it_holds_no_programs_and_no_links(jail: Jail):
    error = jail.run("import os\nos.symlink('/etc/passwd', 'link')").finished.error
    assert error is not None
    assert error.type == "PermissionError"


def test_without_namespaces_writing_is_a_clear_error():
    jail = Jail(JailOptions(limits=LIMITS, namespaces=False))
    error = jail.run("open('x.txt', 'w')").finished.error
    jail.close()
    assert error is not None
    assert (error.type, error.line) == ("PermissionError", 1)


def _soon() -> float:
    return time.monotonic() + 30
