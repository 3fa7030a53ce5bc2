// Lists what a module uses: {nodes, imports, requires, globals} of the code on standard input.
const acorn = require('acorn');
const code = require('fs').readFileSync(0, 'utf8');
// async and await are the newest syntax that the runtime has.
const tree = acorn.parse(code, { ecmaVersion: 2017, sourceType: 'module' });
const nodes = new Set(), imports = [], requires = [], declared = new Set(), used = new Set();

function walk(node, parent) {
    nodes.add(node.type);
    if (node.type === 'ImportDeclaration') {
        imports.push(node.source.value);
    }
    if (node.type === 'CallExpression' && node.callee.name === 'require') {
        requires.push(node.arguments[0].value);
    }
    if (node.type === 'Identifier') {
        const named = parent.type === 'MemberExpression' && parent.property === node && !parent.computed;
        const key = parent.type === 'Property' && parent.key === node && !parent.computed;
        const declares = ['VariableDeclarator', 'FunctionDeclaration'].includes(parent.type) && parent.id === node
            || parent.type === 'CatchClause' || parent.type === 'ImportDefaultSpecifier'
            || (parent.params || []).includes(node);
        if (declares) {
            declared.add(node.name);
        } else if (!named && !key) {
            used.add(node.name);
        }
    }
    for (const key of Object.keys(node)) {
        for (const child of [].concat(node[key])) {
            if (child && typeof child.type === 'string') {
                walk(child, node);
            }
        }
    }
}

walk(tree, tree);
const globals = [...used].filter((name) => !declared.has(name)).sort();
console.log(JSON.stringify({ nodes: [...nodes].sort(), imports, requires, globals }));
