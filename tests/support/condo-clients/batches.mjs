// What the vendor's server client asks of a server, by the link that it is built on: requests in batches of 50, records by ids in
// chunks, and whoever is not signed in any more signs in once and asks again. Takes { url, email, password, names } as one JSON
// argument; makes an organization of each name, reads them by their ids, and renames them. Prints what each step gave.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { ApolloClient, InMemoryCache, ApolloLink, fromPromise, gql } = require('@apollo/client/core');
const { BatchHttpLink } = require('@apollo/client/link/batch-http');
const { onError } = require('@apollo/client/link/error');
const { setContext } = require('@apollo/client/link/context');

const { url, email, password, names } = JSON.parse(process.argv[2]);
const CHUNK = 20;
let token = 'a-token-of-last-month';
let signing;
let signedIn = 0;
let requests = 0;

async function signIn() {
  signedIn += 1;
  const query = `mutation signin($email: String, $password: String) {
    auth: authenticateUserWithPassword(email: $email, password: $password) { token item { id } } }`;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ operationName: 'signin', query, variables: { email, password } }),
  });
  const { data } = await answer.json();
  token = data.auth.token;
}

const again = onError(({ graphQLErrors, operation, forward }) => {
  if (!graphQLErrors?.some((error) => error.extensions?.code === 'UNAUTHENTICATED')) return undefined;
  signing ??= signIn();
  return fromPromise(signing).flatMap(() => forward(operation));
});
const bearer = setContext((_operation, { headers }) => ({ headers: { ...headers, authorization: `Bearer ${token}` } }));
const counting = (input, init) => {
  requests += 1;
  return fetch(input, init);
};
const link = ApolloLink.from([again, bearer, new BatchHttpLink({ uri: url, batchMax: 50, batchInterval: 50, fetch: counting })]);
const client = new ApolloClient({ link, cache: new InMemoryCache(), defaultOptions: { query: { fetchPolicy: 'no-cache' } } });

const sender = { dv: 1, fingerprint: 'server-client' };
const tell = (value) => console.log(JSON.stringify({ ...value, requests, signedIn }));

const CREATE = gql`mutation create($data: OrganizationCreateInput) { made: createOrganization(data: $data) { id name } }`;
const made = await Promise.all(
  names.map((name) => client.mutate({ mutation: CREATE, variables: { data: { dv: 1, sender, name } } })),
);
const ids = made.map(({ data }) => data.made.id);
tell({ made: ids.length, distinct: new Set(ids).size });

const BY_IDS = gql`query byIds($where: OrganizationWhereInput!, $first: Int) { found: allOrganizations(where: $where, first: $first) { id name } }`;
const chunks = [];
for (let at = 0; at < ids.length; at += CHUNK) chunks.push(ids.slice(at, at + CHUNK));
const found = await Promise.all(
  chunks.map((chunk) => client.query({ query: BY_IDS, variables: { where: { id_in: chunk }, first: CHUNK } })),
);
tell({ found: found.flatMap(({ data }) => data.found).map(({ name }) => name).sort() });

const UPDATE = gql`mutation update($id: ID!, $data: OrganizationUpdateInput) { changed: updateOrganization(id: $id, data: $data) { id name } }`;
const changed = await Promise.all(
  ids.map((id, at) => client.mutate({ mutation: UPDATE, variables: { id, data: { dv: 1, sender, name: `${names[at]}!` } } })),
);
tell({ changed: changed.map(({ data }) => data.changed.name).sort() });
process.exit(0);
