"""Asks Fader through the OpenFeature SDK for Python and its OFREP provider.

Reads one question per line from standard input as JSON, writes one answer per line. It decides nothing itself:
what is tested are the published packages.
"""

import json
import sys

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext


def ask(client, question):
    context = dict(question["context"])
    targeting_key = context.pop("targetingKey", None)
    details = getattr(client, f"get_{question['type']}_details")(
        question["flag"],
        question["fallback"],
        EvaluationContext(targeting_key=targeting_key, attributes=context),
    )
    return {
        "value": details.value,
        "variant": details.variant,
        "reason": details.reason and str(details.reason.value),
        "errorCode": details.error_code and details.error_code.value,
        "errorMessage": details.error_message,
        "metadata": dict(details.flag_metadata or {}),
    }


def main():
    base_url, token = sys.argv[1:3]
    api.set_provider(
        OFREPProvider(base_url, headers_factory=lambda: {"Authorization": f"Bearer {token}"})
    )
    client = api.get_client()
    for line in sys.stdin:
        question = json.loads(line)
        # JSON has one kind of number; this SDK has two, and insists on them.
        if question["type"] == "float":
            question["fallback"] = float(question["fallback"])
        print(json.dumps(ask(client, question)), flush=True)


if __name__ == "__main__":
    main()
