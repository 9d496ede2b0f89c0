// Verifies deliveries as receivers do with standardwebhooks: the first argument is JSON with the secret and what came, and of each
// delivery a line of JSON tells what the library gave or that it refused.
import { Webhook, WebhookVerificationError } from 'standardwebhooks';

const { secret, deliveries } = JSON.parse(process.argv[2]);
const webhook = new Webhook(secret);

for (const { headers, body } of deliveries) {
  try {
    console.log(JSON.stringify({ gave: webhook.verify(body, headers) }));
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) {
      throw error;
    }
    console.log(JSON.stringify({ refused: error.message }));
  }
}
