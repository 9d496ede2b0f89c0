// The backend of a partner's app on localhost: passes on what its pages ask of fedlink, and shows a page everywhere else. Its
// settings come as JSON in the first argument; it prints its address, then each call it passed on, a line of JSON each.
import { createServer } from 'node:http';

import { createProxy } from '@open-condo/miniapp-utils/helpers/proxying';

const { upstreamOrigin, proxyId, proxySecret } = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// One handler a prefix, as the package's users have one a file of routes. Its users come by no proxy, so that none is believed,
// but where the test stands in for one.
const trustProxyFn = () => process.argv[3] === 'behind-a-proxy';
const proxies = ['/admin/api', '/api/auth', '/api/whoami'].map((prefix) => {
  const ipProxying = { proxyId, proxySecret, trustProxyFn };
  const name = 'partner-app';
  return [prefix, createProxy({ name, proxyPrefix: prefix, upstreamOrigin, upstreamPrefix: prefix, ipProxying })];
});

const server = createServer((req, res) => {
  const { method } = req;
  const [path] = req.url.split('?');
  const [, proxy] = proxies.find(([prefix]) => path.startsWith(prefix)) ?? [];
  if (!proxy) {
    res.writeHead(path === '/' ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' });
    res.end('<!doctype html><title>The app</title><h1>The app</h1>');
    return;
  }
  const { origin = null, cookie, 'sec-fetch-site': site = null } = req.headers;
  const session = (cookie ?? '').includes('keystone.sid=');
  res.on('finish', () => say({ method, path, origin, site, session, status: res.statusCode }));
  proxy(req, res);
});
server.listen(0, '127.0.0.1', () => say({ origin: `http://localhost:${server.address().port}` }));
// The test is over, however it ended.
process.stdin.on('end', () => process.exit()).resume();
