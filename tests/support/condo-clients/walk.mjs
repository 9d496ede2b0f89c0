// Walks through the Condo dialect by one client that no one here wrote, as it comes: signs in, asks who that is, lists, creates and
// updates an organization. Takes the question as one JSON argument, { client, url, steps: [[kind, document, variables], …] }; the
// first step gives the token that the others are asked with. Prints what each step gave, as a line of JSON.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { client: name, url, steps } = JSON.parse(process.argv[2]);

// Each gives a function that asks a document of a kind, `query` or `mutation`, with these headers.
const clients = {
  'graphql-request': async (headers) => {
    const { GraphQLClient } = await import('graphql-request');
    const client = new GraphQLClient(url, { headers });
    return (_kind, document, variables) => client.request(document, variables);
  },
  '@urql/core': async (headers) => {
    const { Client, cacheExchange, fetchExchange } = await import('@urql/core');
    const client = new Client({ url, exchanges: [cacheExchange, fetchExchange], fetchOptions: { headers } });
    return async (kind, document, variables) => {
      const { data, error } = await client[kind](document, variables).toPromise();
      if (error) throw error;
      return data;
    };
  },
  '@apollo/client 3': async (headers) => {
    const { ApolloClient, InMemoryCache } = require('@apollo/client/core');
    return apollo(new ApolloClient({ uri: url, cache: new InMemoryCache(), headers }));
  },
  '@apollo/client 4': async (headers) => {
    const { ApolloClient, HttpLink, InMemoryCache } = await import('apollo4');
    return apollo(new ApolloClient({ link: new HttpLink({ uri: url, headers }), cache: new InMemoryCache() }));
  },
  '@open-condo/apollo': async (headers) => {
    const { ApolloHelper } = require('@open-condo/apollo');
    return apollo(new ApolloHelper({ uri: url, cacheConfig: () => ({}) }).initializeApollo({ headers }));
  },
};

function apollo(client) {
  const { gql } = require('@apollo/client/core');
  return async (kind, document, variables) => {
    const asked = kind === 'query' ? client.query({ query: gql(document), variables }) : client.mutate({ mutation: gql(document), variables });
    return (await asked).data;
  };
}

const [[kind, signIn, who], ...others] = steps;
const first = await (await clients[name]({}))(kind, signIn, who);
console.log(JSON.stringify(first));
const ask = await clients[name]({ authorization: `Bearer ${first.signedIn.token}` });
const known = {};
for (const [kind, document, variables] of others) {
  // What was made has an id that nobody knew before.
  const given = await ask(kind, document, JSON.parse(JSON.stringify(variables).replaceAll('$made', known.made ?? '')));
  known.made ??= given.made?.id;
  console.log(JSON.stringify(given));
}
process.exit(0);
