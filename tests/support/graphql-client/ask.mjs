// Asks one GraphQL question, told as JSON in the first argument, the way graphql-request's users do, and prints what it gave
// or threw as one line of JSON.
import { ClientError, GraphQLClient } from 'graphql-request';

const { url, token, query, variables } = JSON.parse(process.argv[2]);
const headers = token ? { authorization: `Bearer ${token}` } : {};
const client = new GraphQLClient(url, { headers });
try {
  console.log(JSON.stringify({ data: await client.request(query, variables) }));
} catch (error) {
  if (!(error instanceof ClientError)) throw error;
  console.log(JSON.stringify({ status: error.response.status, errors: error.response.errors }));
}
