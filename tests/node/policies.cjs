// Evaluates requests against policies: a JSON list on standard input, one verdict each on standard output.
const { runSimulation, anonymousPrincipal } = require('@cloud-copilot/iam-simulate');

async function verdict({ principal, action, resource, account, context, identity, policy }) {
    const simulation = {
        request: {
            principal: principal === null ? anonymousPrincipal : principal,
            action,
            resource: { resource, accountId: account },
            contextVariables: context,
        },
        identityPolicies: identity === null ? [] : [{ name: 'identity', policy: identity }],
        serviceControlPolicies: [],
        resourceControlPolicies: [],
        resourcePolicy: policy === null ? undefined : policy,
    };
    const outcome = await runSimulation(simulation, {});
    if (outcome.resultType !== 'single' || (outcome.result.ignoredContextKeys || []).length) {
        throw new Error(JSON.stringify(outcome));
    }
    return outcome.overallResult;
}

async function main() {
    // It knows the keys of Google's tokens, which mean the same, and not those of GitHub's.
    const text = require('fs').readFileSync(0, 'utf8');
    const requests = JSON.parse(text.replaceAll('token.actions.githubusercontent.com:', 'accounts.google.com:'));
    const verdicts = [];
    for (const request of requests) {
        verdicts.push(await verdict(request));
    }
    console.log(JSON.stringify(verdicts));
}

main();
