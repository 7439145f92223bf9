import json
import os
import urllib.request

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

base_url = "{{address}}"
headers = {"Authorization": f"Bearer {os.environ['FADER_TOKEN']}"}
user = "user-1"  # who it is, as your application knows them

api.set_provider(OFREPProvider(base_url, headers_factory=lambda: headers))
value = api.get_client().get_{{call}}_value("{{flag}}", {{default}}, EvaluationContext(targeting_key=user))
print("{{flag}}", value)

# Once you know how it went: an outcome, which the guard watches.
outcome = {"type": "outcome", "subject": user, "metric": "error_rate", "ok": True}
request = urllib.request.Request(
    f"{base_url}/api/v1/events",
    data=json.dumps({"events": [outcome]}).encode(),
    headers={**headers, "Content-Type": "application/json"},
)
urllib.request.urlopen(request).close()
