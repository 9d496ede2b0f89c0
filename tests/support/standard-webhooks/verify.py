"""Verifies deliveries as receivers do with standardwebhooks: the first argument is JSON with the secret and what came, and of each
delivery a line of JSON tells what the library gave or that it refused."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

asked = json.loads(sys.argv[1])
webhook = Webhook(asked["secret"])

for delivery in asked["deliveries"]:
    try:
        outcome = {"gave": webhook.verify(delivery["body"], delivery["headers"])}
    except WebhookVerificationError as error:
        outcome = {"refused": str(error)}
    print(json.dumps(outcome))
