// Runs a function for each request: {code, users, requests} on standard input, one answer each on standard output.
const { load, storeOf } = require('./runtime.cjs');

async function main() {
    const { code, users, requests } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
    const store = users === null ? { exists: async () => { throw new Error('down'); } } : storeOf(users);
    const handler = load(code, store);
    const answers = [];
    for (const request of requests) {
        answers.push(await handler({ version: '1.0', context: {}, viewer: { ip: '192.0.2.1' }, request, response: null }));
    }
    console.log(JSON.stringify(answers));
}

main();
