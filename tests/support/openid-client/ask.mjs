// Asks fedlink's authorization server as openid-client's users do: discovers it, then does what the first argument says, as
// JSON, and prints what the library gave or threw, a line of JSON each.
import { createPrivateKey } from 'node:crypto';

import * as client from 'openid-client';

const { issuer, id, method, secret, key, steps } = JSON.parse(process.argv[2]);

// The key as WebCrypto wants it; its algorithm is the key's own.
const imported = async () => {
  const pkcs8 = createPrivateKey(key);
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const algorithm = pkcs8.asymmetricKeyType === 'rsa' ? rsa : { name: 'ECDSA', namedCurve: 'P-256' };
  const der = pkcs8.export({ type: 'pkcs8', format: 'der' });
  return crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
};

const methods = {
  client_secret_basic: async () => client.ClientSecretBasic(secret),
  client_secret_post: async () => client.ClientSecretPost(secret),
  private_key_jwt: async () => client.PrivateKeyJwt(await imported()),
};

const config = await client.discovery(new URL(issuer), id, {}, await methods[method](), {
  algorithm: 'oauth2',
  // The library's way to a server on loopback.
  execute: [client.allowInsecureRequests],
});

const actions = {
  metadata: async () => config.serverMetadata(),
  grant: async ({ grant_type: grant, ...rest }) => client.genericGrantRequest(config, grant, rest),
  credentials: async (parameters) => client.clientCredentialsGrant(config, parameters),
  introspect: async ({ token }) => client.tokenIntrospection(config, token),
  revoke: async ({ token }) => (await client.tokenRevocation(config, token)) ?? null,
};

// What a caller finds in the library's own errors.
const thrown = async (error) => {
  if (error instanceof client.ResponseBodyError) {
    return { ...error.cause, status: error.status, error: error.error, error_description: error.error_description };
  }
  if (error instanceof client.WWWAuthenticateChallengeError) {
    const [{ scheme }] = error.cause;
    return { ...(await error.response.json()), status: error.status, scheme };
  }
  throw error;
};

for (const [action, parameters] of steps) {
  const outcome = await actions[action](parameters).then((gave) => ({ gave }), async (error) => ({ threw: await thrown(error) }));
  console.log(JSON.stringify(outcome));
}
