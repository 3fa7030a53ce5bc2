// CloudFront's runtime for functions, as far as the function may use it: a context of its own, with no more in it than
// the documentation of cloudfront-js-2.0 names.
const vm = require('vm');

function load(code, store) {
    const modules = { crypto: require('crypto') };
    const sandbox = {
        Buffer,
        require: (name) => {
            if (!(name in modules)) {
                throw new Error(`no module ${name}`);
            }
            return modules[name];
        },
        cf: { kvs: () => store },
    };
    const script = code.replace(/^import cf from 'cloudfront';$/m, '');
    return vm.runInNewContext(`'use strict';\n${script}\nhandler`, sandbox, { timeout: 1000 });
}

// A store of users with the contents of an object.
function storeOf(users) {
    return {
        exists: async (key) => Object.hasOwn(users, key),
        get: async (key) => {
            if (!Object.hasOwn(users, key)) {
                throw new Error('no such key');
            }
            return users[key];
        },
    };
}

module.exports = { load, storeOf };
