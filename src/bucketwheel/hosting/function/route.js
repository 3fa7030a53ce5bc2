// The index at the edge, made by bucketwheel: which object answers a request.
const SITE = @SITE@;

const JSON_TYPES = ['application/vnd.pypi.simple.v1+json', 'application/vnd.pypi.simple.latest+json'];
const HTML_TYPES = ['application/vnd.pypi.simple.v1+html', 'application/vnd.pypi.simple.latest+html', 'text/html'];

function route(request) {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
        return answer(405, 'Method Not Allowed', { allow: { value: 'GET, HEAD' } });
    }
    const path = readPath(request.uri);
    if (path !== null && path + '/' === SITE.simple) {
        return moved(SITE.simple);
    }
    if (path === null || path.indexOf(SITE.prefix) !== 0 || path.indexOf(SITE.prefix + '_bucketwheel') === 0) {
        return answer(404, 'Not Found');
    }
    const slash = path.charAt(path.length - 1) === '/';
    const below = path.indexOf(SITE.simple) === 0 ? path.slice(SITE.simple.length) : '';
    const name = slash ? below.slice(0, -1) : below;
    if (name !== '' && name.indexOf('/') === -1 && name !== 'index.html' && name !== 'index.json') {
        if (!/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(name)) {
            return answer(404, 'Not Found');
        }
        const normal = name.toLowerCase().replace(/[-_.]+/g, '-');
        if (!slash || name !== normal) {
            return moved(SITE.simple + normal + '/');
        }
    }
    // A plain + is a space to S3.
    request.uri = (slash ? page(request, path) : request.uri).replace(/\+/g, '%2B');
    delete request.headers.authorization;
    return request;
}

// Decodes once; null for a path that could mean two things, or that no object has.
function readPath(uri) {
    if (uri.charAt(0) !== '/' || uri.length > 2048 || /%2f|%5c/i.test(uri)) {
        return null;
    }
    const path = decodeURIComponent(uri);
    if (/[\u0000-\u001f\u007f\\]|\/\/|\/\./.test(path)) {
        return null;
    }
    return path;
}

function page(request, path) {
    // Views for people have one form only.
    if (path.indexOf(SITE.simple) !== 0) {
        return request.uri + 'index.html';
    }
    if (prefersJson(accepted(request.headers.accept))) {
        return request.uri + 'index.json';
    }
    // No key is empty: what would be is index.html.
    const bySlash = SITE.pages === 'slash' && path !== SITE.prefix;
    return bySlash ? request.uri : request.uri + 'index.html';
}

function accepted(header) {
    if (!header) {
        return '';
    }
    if (header.multiValue) {
        return header.multiValue.map(function (one) { return one.value; }).join(',');
    }
    return header.value;
}

function prefersJson(accept) {
    const weights = {};
    accept.toLowerCase().split(',').forEach(function (choice) {
        const parts = choice.split(';').map(function (part) { return part.trim(); });
        const quality = parts.slice(1).filter(function (part) { return part.indexOf('q=') === 0; });
        const weight = quality.length ? quality[0].slice(2).trim() : '1';
        if (/^([0-9]+(\.[0-9]*)?|\.[0-9]+)$/.test(weight)) {
            weights['=' + parts[0]] = Math.min(1, parseFloat(weight));
        }
    });
    return best(weights, JSON_TYPES) > best(weights, HTML_TYPES);
}

function best(weights, types) {
    let highest = 0;
    types.forEach(function (type) {
        [type, type.split('/')[0] + '/*', '*/*'].some(function (range) {
            const found = weights['=' + range];
            if (found !== undefined) {
                highest = Math.max(highest, found);
            }
            return found !== undefined;
        });
    });
    return highest;
}

function moved(location) {
    return answer(301, 'Moved Permanently', { location: { value: location } });
}

function answer(status, description, headers) {
    return { statusCode: status, statusDescription: description, headers: headers || {} };
}
