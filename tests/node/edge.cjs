// A distribution before a bucket: `node edge.cjs ORIGIN FUNCTION [USERS]`. It runs the function for each request, then
// asks the origin as CloudFront does: the rewritten path, no query, no Authorization. It prints its port, then requests.
const fs = require('fs');
const http = require('http');
const { load, storeOf } = require('./runtime.cjs');

const [origin, file, users] = process.argv.slice(2);
const handler = load(fs.readFileSync(file, 'utf8'), storeOf(users ? JSON.parse(fs.readFileSync(users, 'utf8')) : {}));

function eventOf(asked) {
    const headers = {};
    for (const [name, value] of Object.entries(asked.headers)) {
        headers[name] = { value };
    }
    return { request: { method: asked.method, uri: asked.url.split('?')[0], querystring: {}, headers, cookies: {} } };
}

http.createServer(async (asked, answer) => {
    const result = await handler(eventOf(asked));
    console.log(`${asked.method} ${asked.url} ${result.statusCode || result.uri}`);
    if (result.statusCode) {
        const headers = Object.fromEntries(Object.entries(result.headers).map(([name, { value }]) => [name, value]));
        answer.writeHead(result.statusCode, headers).end();
        return;
    }
    const kept = ['range', 'if-none-match', 'if-modified-since', 'if-range'];
    const headers = Object.fromEntries(kept.filter((name) => name in asked.headers).map((name) => [name, asked.headers[name]]));
    http.request(`${origin}${result.uri}`, { method: result.method, headers }, (found) => {
        answer.writeHead(found.statusCode, { ...found.headers, vary: 'Accept' });
        found.pipe(answer);
    }).end();
}).listen(0, '127.0.0.1', function () {
    console.log(this.address().port);
});
process.stdin.resume().on('end', () => process.exit());
