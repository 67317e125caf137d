// SPDX-License-Identifier: MIT
// GitHub's own parsers, as the language server of its editor extension has them. One request a line, one answer a line:
//   {"parse": "action" | "workflow", "text": …}         -> {"errors": […]}
//   {"expression": …, "contexts": {…}, "failed": bool}  -> {"value": …} or {"error": …}
import { register } from 'node:module';
import readline from 'node:readline';

// The package is made for bundlers, which need no word that JSON is JSON.
const hook = `export const load = (url, context, next) =>
    next(url, url.endsWith('.json') ? { ...context, importAttributes: { type: 'json' } } : context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const { Lexer, Parser, Evaluator, data } = await import('@actions/expressions');
const { convertWorkflowTemplate, parseWorkflow, NoOperationTraceWriter } = await import('@actions/workflow-parser');
const { parseAction } = await import('@actions/workflow-parser/actions/action-parser');

function evaluate({ expression, contexts, failed }) {
    const named = JSON.parse(JSON.stringify(contexts), data.reviver);
    const functions = [['success', !failed], ['failure', failed], ['always', true], ['cancelled', false]]
        .map(([name, value]) => ({ name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(value) }));
    const tokens = new Lexer(expression).lex().tokens;
    const tree = new Parser(tokens, Object.keys(contexts), functions).parse();
    const byName = new Map(functions.map((one) => [one.name, one]));
    const value = new Evaluator(tree, named, byName).evaluate();
    return JSON.parse(JSON.stringify(value, data.replacer));
}

async function parse({ parse: kind, text }) {
    const file = { name: kind, content: text };
    const trace = new NoOperationTraceWriter();
    const result = kind === 'action' ? parseAction(file, trace) : parseWorkflow(file, trace);
    if (kind === 'workflow') {
        // Finds names of jobs that are none.
        await convertWorkflowTemplate(result.context, result.value);
    }
    return result.context.errors.getErrors().map((error) => error.message);
}

for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
        answer = 'parse' in request ? { errors: await parse(request) } : { value: evaluate(request) };
    } catch (error) {
        answer = { error: error.message };
    }
    console.log(JSON.stringify(answer));
}
