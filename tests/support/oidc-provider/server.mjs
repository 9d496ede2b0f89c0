// Runs the certified `oidc-provider` on a loopback port of its own, as an upstream that no one here wrote.
//
// Takes its settings as one JSON argument: { clientId, clientSecret, redirectUri, accessTokenSeconds,
// delay: [least, most] milliseconds between the token endpoint's work and its answer, pushed: whether authorization requests
// have to be (RFC 9126), graceSeconds: for how long a used refresh token is as good as before, signed: whether userinfo is a JWT }.
// Prints one JSON line with its issuer when it is ready. After that each line on stdin is answered by one line of JSON:
// what has happened so far. Before that it does what the line says: "lose" has the answer to the next token request lost,
// "hold" holds the answers to token requests, done as they are, until "release". It ends when stdin does, so it never outlives
// the test that started it.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

import { Provider } from 'oidc-provider';

// Standard output speaks one protocol: the library's notices go to the other one.
console.info = console.error;

const { clientId, clientSecret, redirectUri, accessTokenSeconds, delay, pushed, graceSeconds, signed } = JSON.parse(process.argv[2]);

// The issuer holds the port, so the port has to be known before there is a provider.
const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      ...(signed && { userinfo_signed_response_alg: 'RS256' }),
    },
  ],
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
  },
  // Whoever signs in exists: the login name is the sub.
  findAccount: (_ctx, sub) => ({
    accountId: sub,
    claims: () => ({
      sub,
      name: `${sub} at the provider`,
      preferred_username: sub,
      email: `${sub}@provider.example`,
      email_verified: true,
    }),
  }),
  features: {
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    jwtUserinfo: { enabled: true },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: pushed },
    revocation: { enabled: true },
  },
  pkce: { required: () => true },
  // Strict: a used refresh token that comes back takes the whole grant with it.
  rotateRefreshToken: true,
  // Without this there is a refresh token only for offline_access together with prompt=consent.
  issueRefreshToken: async () => true,
  ttl: {
    AccessToken: accessTokenSeconds,
    AuthorizationCode: 60,
    Grant: 86_400,
    IdToken: 3_600,
    Interaction: 600,
    RefreshToken: 86_400,
    Session: 86_400,
  },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
});

// The library knows no grace: a used token is consumed at once. Here it is consumed when its grace is over.
if (graceSeconds > 0) {
  const { consume } = provider.RefreshToken.prototype;
  provider.RefreshToken.prototype.consume = async function consumeLater() {
    setTimeout(graceSeconds * 1000, undefined, { ref: false }).then(() => consume.call(this));
  };
}

const [least, most] = delay;
let losing = false;
let held;
let release;
provider.use(async (ctx, next) => {
  await next();
  if (ctx.path === '/token' && losing) {
    losing = false;
    ctx.req.socket.destroy();
  }
  if (ctx.path === '/token') {
    await held;
  }
  if (ctx.path === '/token' && most > 0) {
    await setTimeout(least + Math.random() * (most - least));
  }
});

const counts = { exchanges: 0, refreshes: 0, refusals: 0, revocations: 0 };
provider.on('grant.success', (ctx) => {
  counts[ctx.oidc.params.grant_type === 'refresh_token' ? 'refreshes' : 'exchanges'] += 1;
});
provider.on('grant.error', () => {
  counts.refusals += 1;
});
provider.on('grant.revoked', () => {
  counts.revocations += 1;
});
provider.on('server_error', (_ctx, error) => console.error(error));

server.on('request', provider.callback());
console.log(JSON.stringify({ issuer }));

for await (const order of createInterface({ input: process.stdin })) {
  if (order === 'lose') {
    losing = true;
  } else if (order === 'hold') {
    held = new Promise((resolve) => {
      release = resolve;
    });
  } else if (order === 'release') {
    release();
    held = undefined;
  }
  console.log(JSON.stringify(counts));
}
process.exit(0);
