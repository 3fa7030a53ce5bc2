// Reads Terraform: {name: text} on standard input; for each its JSON, and the text as `terraform fmt` would leave it.
const { parse } = require('@cdktf/hcl2json');
const { format } = require('@cdktf/hcl-tools');

async function main() {
    const files = JSON.parse(require('fs').readFileSync(0, 'utf8'));
    const read = {};
    for (const [name, text] of Object.entries(files)) {
        read[name] = { document: await parse(name, text), formatted: await format(text) };
    }
    console.log(JSON.stringify(read));
}

main();
