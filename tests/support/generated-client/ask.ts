// Asks fedlink by the client that @hey-api/openapi-ts made of openapi.yaml: gets a token, then does what the first argument
// says, as JSON, and prints what each call gave or was refused with, a line of JSON each.
import { createClient } from './client/client/index.js';
import { fedToken, fedTokens, linkById, listLinks, searchLinks, token, unlink, unlinkV2 } from './client/index.js';

const { base, id, secret, subject, sid } = JSON.parse(process.argv[2]);

const issued = await token({
  baseUrl: base,
  auth: `${id}:${secret}`,
  body: { grant_type: 'client_credentials', scope: 'blitz_api_sys_ufa blitz_api_sys_ufa_chg fed_tkn_any' },
});
if (issued.error) throw new Error(issued.error.error_description);
// The answer is one of the two kinds that `/oauth/te` gives.
if ('issued_token_type' in issued.data) throw new Error('a token of a provider');

const client = createClient({ baseUrl: base, auth: issued.data.access_token });
const box = { subjectId: subject, fpType: 'box', fpName: 'box_1' };
const account = { ...box, sid };

const say = ({ data, error, response }: { data?: unknown; error?: unknown; response: Response }) =>
  console.log(JSON.stringify({ status: response.status, ...(error === undefined ? { gave: data ?? null } : { error }) }));

const wrong = await token({ baseUrl: base, auth: `${id}:wrong`, body: { grant_type: 'client_credentials' } });
say(wrong);
say(await linkById({ client, path: account, body: { federatedAccountName: 'Elle Woods' } }));
const links = await listLinks({ client, path: { subjectId: subject } });
say(links);
const detailed = await listLinks({ client, path: { subjectId: subject }, query: { detail: true } });
say(detailed);
// The compiler knows of each kind of link what it has.
const health = (detailed.data ?? []).map((link) => ('health' in link ? link.health : null));
say({ ...detailed, data: health });
const found = await searchLinks({ client, query: { fp: 'box:box_1', sid } });
say({ ...found, data: found.data?.links.map((link) => [link.subject, link.health]) });
const held = await fedToken({ client, path: box });
say({ ...held, data: Object.entries(held.data ?? {}).map(([of, { token }]) => [of, token]) });
const many = await fedTokens({ client, body: { tokens: [{ subject, fp: 'box:box_1' }, { subject: 'nobody', fp: 'box:box_1' }] } });
say({ ...many, data: many.data?.tokens.map((entry) => ('error' in entry ? entry.error : entry.token)) });
say(await unlink({ client, path: account }));
const again = await unlinkV2({ client, path: account });
// … and of each error which one it is.
if (again.error?.error !== 'link_not_found') throw new Error('another error');
const kind: 'link_not_found' = again.error.error;
say({ ...again, error: { ...again.error, error: kind } });
say(await listLinks({ client, path: { subjectId: 'nobody' } }));
