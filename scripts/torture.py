"""Does to running servers what happens to them once a year, and prints what came of it: kill -9, a full disk, a database
that hangs and comes back, a clock that runs ahead, a restored database, two copies. Fails when a promise is broken.
Uses the standard library only; started by scripts/torture.sh with FADER_BIN, and a PostgreSQL of its own."""

import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

FADER = os.environ["FADER_BIN"]
POSTGRES = os.environ["FADER_TEST_POSTGRES_URL"]
SCRIPTS = os.path.dirname(os.path.abspath(__file__))
PASSWORD = "fast-payment-demo"  # of the demo's accounts
FLAG = "fast-payment"
broken = []


def promise(kept, sentence):
    print(f"  {'✓' if kept else '✗'} {sentence}", flush=True)
    if not kept:
        broken.append(sentence)


def part(title):
    print(f"\n{title}", flush=True)


def run(*args, url, check=True, stdin=None):
    command = [FADER, "--log", "error", "--database-url", url, *args]
    done = subprocess.run(command, capture_output=True, text=True, input=stdin, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"fader {' '.join(args)}: {done.stderr.strip()}")
    return done


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One copy of the server, as a process."""

    def __init__(self, url, *options, before=(), log=None):
        self.url, self.options, self.before, self.port = url, options, before, free_port()
        self.log = log or subprocess.DEVNULL
        self.start()

    def start(self, wait=True):
        command = [FADER, "--log", "warn", "--database-url", self.url, *self.before]
        command += ["serve", "--addr", f"127.0.0.1:{self.port}", *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.log)
        if wait:
            until(lambda: self.status("GET", "/healthz") == 200, 30, "the server answers")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def request(self, method, path, body=None, token=None, headers=None, timeout=30):
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def status(self, *args, **kwargs):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.request(*args, **kwargs)[0]
        return None

    def decide(self, token, subject, flag=FLAG, timeout=30):
        path, context = f"/ofrep/v1/evaluate/flags/{flag}", {"targetingKey": subject}
        status, _, body = self.request("POST", path, {"context": context}, token, timeout=timeout)
        return status, json.loads(body or b"{}")

    def form(self, path, fields, cookie=None):
        headers = {"Origin": f"http://127.0.0.1:{self.port}", "Content-Type": "application/x-www-form-urlencoded"}
        if cookie:
            headers["Cookie"] = cookie
        return self.request("POST", path, urllib.parse.urlencode(fields), headers=headers)

    def sign_in(self):
        fields = {"email": "product@demo.fader.test", "password": PASSWORD}
        _, headers, _ = self.form("/sign-in", fields)
        return "; ".join(cookie.split(";")[0] for cookie in headers.get_all("set-cookie", []))

    def press(self, button, cookie):
        """Stop or Resume on the flag's page: the status of the answer."""
        return self.form(f"/flags/{FLAG}/{button}", {"env": "production"}, cookie)[0]


def until(condition, seconds, what):
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if condition():
            return time.monotonic() - began
        time.sleep(0.02)
    raise RuntimeError(f"waited {seconds} s in vain until {what}")


def seeded(url):
    run("migrate", url=url)
    run("seed", "demo", url=url)
    server = run("token", "create", "--kind", "server", "--env", "production", "--name", "torture", url=url)
    manager = run("token", "create", "--kind", "admin", "--role", "admin", "--name", "torture manager", url=url)
    return server.stdout.strip().splitlines()[-1], manager.stdout.strip().splitlines()[-1]


def sqlite(folder):
    return f"sqlite://{folder}/fader.db"


def postgres_database():
    command = [f"{SCRIPTS}/postgres.sh", "database", POSTGRES]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def intact(url):
    return run("audit", "verify", url=url, check=False).returncode == 0


def person(server, manager, subject, value):
    return server.status("PUT", f"/api/v1/people/{subject}", {"traits": {"name": value}}, manager, timeout=5)


def kills(folder):
    part("ten times kill -9 while four writers change people (SQLite)")
    url = sqlite(folder)
    _, manager = seeded(url)
    server, acknowledged = Server(url), {}
    for turn in range(10):
        stop = threading.Event()

        def write(writer, turn=turn, stop=stop):
            count = 0
            while not stop.is_set():
                subject = f"torture-{writer}-{turn}-{count}"
                if person(server, manager, subject, f"{turn}") in (200, 201, 204):
                    acknowledged[subject] = f"{turn}"
                count += 1

        writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
        for writer in writers:
            writer.start()
        time.sleep(random.uniform(0.5, 1.5))
        server.kill()
        stop.set()
        for writer in writers:
            writer.join()
        server.start()
    with contextlib.closing(sqlite3.connect(f"{folder}/fader.db")) as database:
        kept = {row[0] for row in database.execute("SELECT subject FROM people WHERE subject LIKE 'torture-%'")}
    lost = set(acknowledged) - kept
    promise(len(acknowledged) > 100 and not lost, f"{len(acknowledged)} changes acknowledged, {len(lost)} lost")
    server.stop()
    promise(intact(url), "the audit chain is intact")


def full_disk():
    part("a full disk, then space again (SQLite)")
    if os.geteuid() != 0 or not shutil.which("mount"):
        print("  – left out: only root can mount a small disk")
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], check=True)
        try:
            url = sqlite(folder)
            token, manager = seeded(url)
            server = Server(url)
            filler = f"{folder}/filler"
            with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
            answers, decided, events = [], 0, 0
            began, accepted = time.monotonic(), []
            while time.monotonic() - began < 15:
                answers.append(person(server, manager, f"full-{len(answers)}", "x" * 2000))
                decided += server.decide(token, "ada.moreau")[0] == 200
                event = {"type": "exposure", "id": f"full-{events}", "subject": f"full-{events}", "flag": FLAG}
                event |= {"variant": "on", "revision": 1}
                status = server.status("POST", "/api/v1/events", {"events": [event]}, token)
                if status == 202:
                    accepted.append(f"full-{events}")
                events += 1
            refused = sum(status == 503 for status in answers)
            odd = [status for status in answers if status not in (200, 201, 204, 503, 507)]
            promise(refused > 0 and not odd, f"{refused} of {len(answers)} changes were refused with 503, none hung")
            promise(decided == len(answers), f"all {decided} decisions were made meanwhile")
            ready = server.status("GET", "/readyz")
            promise(ready == 503, f"/readyz said {ready}")
            os.remove(filler)
            took = until(lambda: person(server, manager, "after", "x") in (200, 201, 204), 30, "a change works again")
            promise(took < 5, f"{took:.1f} s after there was space again changes worked, without a restart")
            until(lambda: server.status("GET", "/readyz") == 200, 15, "/readyz says ready")
            server.stop()
            with contextlib.closing(sqlite3.connect(f"{folder}/fader.db")) as database:
                rows = database.execute("SELECT DISTINCT subject FROM exposures WHERE subject LIKE 'full-%'")
                kept = {row[0] for row in rows}
            lost = [subject for subject in accepted if subject not in kept]
            promise(not lost, f"{len(accepted)} events acknowledged on the way, {len(lost)} lost")
            promise(intact(url), "the audit chain is intact")
        finally:
            subprocess.run(["umount", "--lazy", folder], check=False)


def postgres_processes():
    port = urllib.parse.urlsplit(POSTGRES).port
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{process}/cmdline", "rb") as file:
                if f"fader-postgres-{port}".encode() in file.read():
                    found.append(int(process))
    children = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{process}/stat", encoding="utf-8") as file:
                if int(file.read().rsplit(")", 1)[1].split()[1]) in found:
                    children.append(int(process))
    return found + children


def database_away():
    part("a PostgreSQL that hangs for 20 s")
    url = postgres_database()
    token, manager = seeded(url)
    server = Server(url)
    stop, times, failed = threading.Event(), [], []

    def decide():
        while not stop.is_set():
            began = time.monotonic()
            status, _ = server.decide(token, f"u-{len(times)}")
            times.append(time.monotonic() - began)
            if status != 200:
                failed.append(status)

    thread = threading.Thread(target=decide)
    processes = postgres_processes()
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        thread.start()
        began, writes, ready = time.monotonic(), [], []
        while time.monotonic() - began < 20:
            at = time.monotonic()
            status = person(server, manager, "away", "x")
            writes.append((status, time.monotonic() - at))
            at = time.monotonic()
            status = server.status("GET", "/readyz")
            ready.append((status, time.monotonic() - at))
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)
        stop.set()
        thread.join()
    slowest = max(took for _, took in writes)
    promise(all(status == 503 for status, _ in writes) and slowest < 2.5,
            f"{len(writes)} changes answered 503, the slowest after {slowest:.1f} s")
    slowest = max(took for _, took in ready)
    promise(all(status == 503 for status, _ in ready) and slowest < 1.5,
            f"{len(ready)} looks at /readyz answered 503, the slowest after {slowest:.1f} s")
    times.sort()
    promise(not failed, f"{len(times)} decisions meanwhile, none failed; the slowest {times[-1] * 1000:.0f} ms, "
            f"99 % within {times[int(len(times) * 0.99)] * 1000:.0f} ms")
    took = until(lambda: person(server, manager, "back", "x") in (200, 201, 204), 30, "a change works again")
    promise(took < 5, f"{took:.1f} s after it was back changes worked")
    server.stop()


def lease_holder(url):
    sql = "SELECT holder FROM leases WHERE name = 'guard'"
    done = subprocess.run(["psql", url, "-Atc", sql], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def clock_ahead():
    part("a copy whose clock is 90 s ahead, and dies; another one (PostgreSQL)")
    url = postgres_database()
    seeded(url)
    ahead = Server(url, before=("--clock-wrong-s", "90"))
    time.sleep(6)
    first = lease_holder(url)
    promise(first == "", "the copy with the wrong clock leaves the guard to others")
    ahead.kill()
    right = Server(url)
    began = time.monotonic()
    until(lambda: lease_holder(url) not in ("", first), 60, "the other copy guards")
    took = time.monotonic() - began
    promise(took < 12, f"the other copy guarded after {took:.1f} s")
    right.stop()


def restored(folder):
    part("a backup is put back under a running copy (SQLite)")
    url = sqlite(folder)
    token, _ = seeded(url)
    server = Server(url)
    cookie = server.sign_in()
    with contextlib.closing(sqlite3.connect(f"{folder}/fader.db")) as live, \
            contextlib.closing(sqlite3.connect(f"{folder}/backup.db")) as backup:
        live.backup(backup)
    before = server.decide(token, "sam.staff")[1]
    stopped = server.press("stop", cookie)
    until(lambda: server.decide(token, "sam.staff")[1].get("reason") == "DISABLED", 5, "the stop is in force")
    served = server.decide(token, "sam.staff")[1]["metadata"]["revision"]
    with contextlib.closing(sqlite3.connect(f"{folder}/fader.db", timeout=30)) as live, \
            contextlib.closing(sqlite3.connect(f"{folder}/backup.db")) as backup:
        backup.backup(live)
    took = until(lambda: server.decide(token, "sam.staff")[1].get("reason") == before["reason"], 15,
                 "the restored truth is served")
    promise(stopped in (302, 303) and took < 3, f"{took:.1f} s later the restored truth was served")
    after = server.decide(token, "sam.staff")[1]["metadata"]["revision"]
    promise(after > served, f"no revision is used twice: {served} was the last, now it is {after}")
    pressed = server.press("stop", server.sign_in())
    promise(pressed in (302, 303), "changes work afterwards")
    server.stop()
    promise(intact(url), "the audit chain is intact")


def two_copies():
    part("two copies, 800 streams at one, a stop at the other (PostgreSQL)")
    url = postgres_database()
    seeded(url)
    one, two = Server(url), Server(url, "--streams-per-address", "1000")
    origin = "http://shop.test"
    made = run("token", "create", "--kind", "client", "--env", "production", "--name", "streams", "--origin", origin,
               url=url)
    client = made.stdout.strip().splitlines()[-1]
    until(lambda: two.status("POST", "/ofrep/v1/evaluate/flags", {"context": {"targetingKey": "u"}}, client) == 200,
          10, "the other copy knows the token")
    heard, streams = [], []

    def listen(stream):
        buffer = b""
        while b"refetchEvaluation" not in buffer:
            data = stream.recv(4096)
            if not data:
                return
            buffer += data
        heard.append(time.monotonic())

    for at in range(800):
        body = {"context": {"targetingKey": f"u-{at}"}}
        _, _, answer = two.request("POST", "/ofrep/v1/evaluate/flags", body, client)
        path = json.loads(answer)["eventStreams"][0]["endpoint"]["requestUri"]
        stream = socket.create_connection(("127.0.0.1", two.port))
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: fader\r\nAccept: text/event-stream\r\n\r\n".encode())
        streams.append(stream)
    for stream in streams:
        head = b""
        while b"\r\n\r\n" not in head:
            head += stream.recv(4096)
        if b" 200 " not in head.split(b"\r\n", 1)[0] + b" ":
            raise RuntimeError(f"a stream was refused: {head[:80]!r}")
    listeners = [threading.Thread(target=listen, args=(stream,), daemon=True) for stream in streams]
    for listener in listeners:
        listener.start()
    cookie = one.sign_in()
    began = time.monotonic()
    one.press("stop", cookie)
    until(lambda: len(heard) == len(streams), 10, "all streams have heard")
    last = (max(heard) - began) * 1000
    promise(last < 1000, f"{len(heard)} streams were told of a stop, the last {last:.0f} ms after the press")
    for stream in streams:
        stream.close()
    one.stop()
    two.stop()


def main():
    parts = {
        "kills": lambda folder: kills(folder),
        "disk": lambda _: full_disk(),
        "away": lambda _: database_away(),
        "clock": lambda _: clock_ahead(),
        "restore": lambda folder: restored(folder),
        "copies": lambda _: two_copies(),
    }
    for name in sys.argv[1:] or parts:
        with tempfile.TemporaryDirectory() as folder:
            try:
                parts[name](folder)
            except (RuntimeError, OSError, ValueError, http.client.HTTPException) as error:
                promise(False, f"{name}: {error!r}")
    print(f"\n{len(broken)} promises broken" if broken else "\nEvery promise was kept.")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
