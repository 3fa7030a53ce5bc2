
// Who may read: the store has for each user one or two of SALT:DIGEST (docs/hosting.md).
const crypto = require('crypto');
const users = cf.kvs();

async function handler(event) {
    let known = false;
    try {
        const given = credentials(event.request.headers.authorization);
        const found = given.user !== '' && await users.exists(given.user);
        known = matches(given, found ? await users.get(given.user) : '');
    } catch (error) {
        return answer(503, 'Service Unavailable');
    }
    if (!known) {
        return answer(401, 'Unauthorized', { 'www-authenticate': { value: 'Basic realm="bucketwheel"' } });
    }
    try {
        return route(event.request);
    } catch (error) {
        return answer(400, 'Bad Request');
    }
}

// The user is empty for a header that is broken or missing.
function credentials(header) {
    const none = { user: '', token: '' };
    const encoded = /^basic +([a-z0-9+/]+={0,2}) *$/i.exec(header && !header.multiValue ? header.value : '');
    if (encoded === null) {
        return none;
    }
    const text = Buffer.from(encoded[1], 'base64').toString('utf8');
    const colon = text.indexOf(':');
    const user = text.slice(0, Math.max(colon, 0));
    return /^[a-z0-9][a-z0-9._-]{0,63}$/.test(user) ? { user: user, token: text.slice(colon + 1) } : none;
}

// All are compared, and all of each, so that the time tells nothing.
function matches(given, stored) {
    let found = 0;
    (stored + '  ').split(' ').slice(0, 2).forEach(function (entry) {
        const parts = entry.split(':');
        const digest = crypto.createHash('sha256').update(parts[0] + ':' + given.user + ':' + given.token).digest('hex');
        found |= same(digest, parts[1] || '') & (parts[0] !== '' ? 1 : 0);
    });
    return found === 1;
}

function same(one, other) {
    let different = one.length ^ other.length;
    for (let i = 0; i < one.length; i++) {
        different |= one.charCodeAt(i) ^ (other.charCodeAt(i) | 0);
    }
    return different === 0 ? 1 : 0;
}
