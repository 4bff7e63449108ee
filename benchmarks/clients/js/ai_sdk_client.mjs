// The AI SDK (`ai` with `@ai-sdk/openai-compatible`) against an endpoint.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { embed, embedMany, generateObject, generateText, stepCountIs, streamObject, streamText, tool } from 'ai'
import { z } from 'zod'
import { apiKey, assert, baseURL, check, model, rejects, run, versionOf } from './endpoint.mjs'

const provider = createOpenAICompatible({
  name: 'labkit', baseURL, apiKey, includeUsage: true, supportsStructuredOutputs: true
})
const City = z.object({ name: z.enum(['Oslo', 'Rome']), degrees: z.union([z.literal(1), z.literal(2)]) })
const ours = { model: provider(model), maxRetries: 0, maxOutputTokens: 100 }
const prompt = 'Say hello.'

check('generateText with usage', async () => {
  const answer = await generateText({ ...ours, prompt })
  assert(answer.text.length > 0)
  assert(answer.usage.outputTokens > 0)
})

check('streamText with usage', async () => {
  const answer = streamText({ ...ours, prompt })
  let text = ''
  for await (const part of answer.textStream) text += part
  assert(text.length > 0)
  assert((await answer.usage).outputTokens > 0)
  assert(['stop', 'length'].includes(await answer.finishReason))
})

check('generateObject holds to the schema', async () => {
  City.parse((await generateObject({ ...ours, prompt, schema: City })).object)
})

check('streamObject', async () => {
  const answer = streamObject({ ...ours, prompt, schema: City })
  for await (const _ of answer.partialObjectStream) { /* it must come to an end */ }
  City.parse(await answer.object)
})

check('tools: required, with a result', async () => {
  let called = 0
  const weather = tool({ description: 'Weather', inputSchema: City, execute: async () => { called += 1; return '12' } })
  await generateText({ ...ours, prompt, tools: { weather }, toolChoice: 'required', stopWhen: stepCountIs(2) })
  assert(called > 0, 'the tool was not called')
})

check('tools: streamed input', async () => {
  const weather = tool({ description: 'Weather', inputSchema: City })
  const answer = streamText({ ...ours, prompt, tools: { weather }, toolChoice: { type: 'tool', toolName: 'weather' } })
  const kinds = new Set()
  for await (const part of answer.fullStream) kinds.add(part.type)
  for (const kind of ['tool-input-start', 'tool-input-delta', 'tool-call']) assert(kinds.has(kind), `no ${kind}`)
  City.parse((await answer.toolCalls)[0].input)
})

check('completion model', async () => {
  const answer = await generateText({ ...ours, model: provider.completionModel(model), prompt: 'Once' })
  assert(answer.text.length > 0)
})

check('embed and embedMany', async () => {
  const embedding = provider.embeddingModel ? provider.embeddingModel(model) : provider.textEmbeddingModel(model)
  assert((await embed({ model: embedding, value: 'hello' })).embedding.length > 0)
  assert((await embedMany({ model: embedding, values: ['a', 'b'] })).embeddings.length === 2)
})

check('errors', async () => {
  await rejects(
    () => generateText({ ...ours, model: provider('nobody'), prompt }),
    error => error.statusCode === 404 && error.message.includes('nobody')
  )
})

check('an aborted stream ends', async () => {
  const controller = new AbortController()
  const answer = streamText({ ...ours, prompt, abortSignal: controller.signal })
  for await (const _ of answer.textStream) controller.abort()
})

run(`ai ${versionOf('ai')}`)
