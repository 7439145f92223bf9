"""Holds a running server against its own OpenAPI document with Schemathesis, all checks: once for each role and each kind
of token, on a database of its own with the demo in it. Started by scripts/schema.sh with FADER_BIN:
    schema.py                  every token a little, always the same way
    schema.py EXAMPLES [WHO…]  so many examples of each operation, of a new seed, for all tokens or these"""

import concurrent.futures
import contextlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

FADER = os.environ["FADER_BIN"]
ROOT = os.environ["FADER_ROOT"]
VENV = os.path.join(ROOT, "end2end/.venv/bin")
CONFIG = os.path.join(ROOT, "end2end/python/schemathesis.toml")
ROLES = ("admin", "product", "qa", "support", "viewer")
EXAMPLES, SEED = 4, 20
ORIGIN = "https://shop.test"

# Who asks: how the token is made, and what it always sends.
WHO = {role: ["--kind", "admin", "--role", role, "--owner", f"{role}@demo.fader.test"] for role in ROLES}
WHO["environment"] = ["--kind", "admin", "--role", "admin", "--env", "production", "--owner", "admin@demo.fader.test"]
WHO["server"] = ["--kind", "server", "--env", "production"]
WHO["traits"] = ["--kind", "server", "--env", "production", "--writes-traits"]
WHO["client"] = ["--kind", "client", "--env", "production", "--origin", ORIGIN]
# Those for whom the short run also tries the edges of every schema; between them they may ask for everything.
FULL = ("admin", "client")


def fader(url, *args):
    command = [FADER, "--log", "error", "--database-url", url, *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def server(folder):
    """Its address, and a token for each of WHO."""
    url = f"sqlite://{folder}/fader.db"
    fader(url, "migrate")
    fader(url, "seed", "demo")
    tokens = {who: fader(url, "token", "create", "--name", who, *how) for who, how in WHO.items()}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--addr", f"127.0.0.1:{port}", "--snapshot-file", "off"]
    # Wrong tokens are part of the checks, and allowances are not what is looked at.
    options += ["--wrong-tokens-per-minute", "1000000", "--evaluations-per-second", "1000000"]
    command = [FADER, "--log", "error", "--database-url", url, "serve", *options]
    process = subprocess.Popen(command)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/healthz", timeout=2).close()
                break
            time.sleep(0.1)
        yield address, tokens
    finally:
        process.terminate()
        process.wait()


def hold(address, who, token, examples, seed, folder):
    """True when every answer is what the document says."""
    headers = ["--header", f"Authorization: Bearer {token}"]
    if who == "client":
        headers += ["--header", f"Origin: {ORIGIN}"]
    phases = "examples,coverage,fuzzing" if who in FULL or examples > EXAMPLES else "examples,fuzzing"
    command = [
        f"{VENV}/schemathesis", "--config-file", CONFIG, "run", f"{address}/api/v1/openapi.json", *headers,
        "--checks", "all", "--phases", phases, "--max-examples", str(examples), "--seed", str(seed),
        "--continue-on-failure", "--no-color", "--warnings", "off", "--generation-database", "none",
    ]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    cases = next((line.strip() for line in done.stdout.splitlines() if " generated" in line), "nothing was asked")
    ok = done.returncode == 0 and " generated" in cases
    print(f"  {'✓' if ok else '✗'} {who:<12} {time.monotonic() - began:4.0f} s  {cases}", flush=True)
    if not ok:
        print(done.stdout.replace(token, "…"), done.stderr.replace(token, "…"), sep="\n", flush=True)
    return ok


def main():
    examples, asked = (int(sys.argv[1]), sys.argv[2:]) if len(sys.argv) > 1 else (EXAMPLES, [])
    unknown = [who for who in asked if who not in WHO]
    if unknown:
        sys.exit(f"there is no {unknown[0]}: name any of {', '.join(WHO)}")
    seed = SEED if len(sys.argv) == 1 else random.randrange(1_000_000)
    print(f"\nOpenAPI, {examples} examples of each operation, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder, server(folder) as (address, tokens):
        with concurrent.futures.ThreadPoolExecutor(2) as two:
            each = lambda who: hold(address, who, tokens[who], examples, seed, folder)
            kept = list(two.map(each, asked or WHO))
    if not all(kept):
        sys.exit("some answers are not what the document says")


main()
