// npm `openai` against an endpoint.
import OpenAI from 'openai'
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod'
import { z } from 'zod'
import { apiKey, assert, baseURL, check, messages, model, rejects, run, versionOf } from './endpoint.mjs'

const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 })
const City = z.object({ name: z.enum(['Oslo', 'Rome']), degrees: z.union([z.literal(1), z.literal(2)]) })
const tool = zodFunction({ name: 'weather', parameters: City })
const named = { type: 'function', function: { name: 'weather' } }
const chat = (fields = {}) => client.chat.completions.create({ model, messages, max_tokens: 16, ...fields })

check('chat with usage', async () => {
  const answer = await chat()
  assert(answer.choices[0].message.content.length > 0)
  assert(answer.usage.total_tokens === answer.usage.prompt_tokens + answer.usage.completion_tokens)
})

check('stream with usage', async () => {
  let text = ''
  let usage = null
  for await (const chunk of await chat({ stream: true, stream_options: { include_usage: true } })) {
    text += chunk.choices[0]?.delta?.content ?? ''
    usage = chunk.usage ?? usage
  }
  assert(text.length > 0)
  assert(usage.completion_tokens > 0)
})

check('the stream helper', async () => {
  const stream = client.chat.completions.stream({ model, messages, max_tokens: 16 })
  let text = ''
  stream.on('content', delta => { text += delta })
  const final = await stream.finalChatCompletion()
  assert(final.choices[0].message.content === text)
})

check('tools: named, whole and streamed', async () => {
  const answer = await chat({ tools: [tool], tool_choice: named, max_tokens: 100 })
  City.parse(JSON.parse(answer.choices[0].message.tool_calls[0].function.arguments))
  const stream = client.chat.completions.stream({ model, messages, tools: [tool], tool_choice: named, max_tokens: 100 })
  const call = (await stream.finalChatCompletion()).choices[0].message.tool_calls[0]
  City.parse(call.function.parsed_arguments)
})

check('runTools goes round with the answer', async () => {
  let called = 0
  const runner = client.chat.completions.runTools({
    model,
    messages,
    max_tokens: 100,
    tools: [zodFunction({ name: 'weather', parameters: City, function: () => { called += 1; return '12' } })],
    tool_choice: named
  }, { maxChatCompletions: 2 })
  await runner.done().catch(() => {})
  assert(called > 0, 'the tool was not called')
})

check('json: parse with zod', async () => {
  const answer = await client.chat.completions.parse({
    model, messages, max_tokens: 100, response_format: zodResponseFormat(City, 'city')
  })
  City.parse(answer.choices[0].message.parsed)
})

check('logprobs', async () => {
  const answer = await chat({ logprobs: true, top_logprobs: 2 })
  assert(answer.choices[0].logprobs.content[0].top_logprobs.length === 2)
})

check('completions, whole and streamed, with echo', async () => {
  const fields = { model, prompt: ['Once', 'The'], max_tokens: 4, echo: true, logprobs: 1 }
  const whole = await client.completions.create(fields)
  assert(whole.choices[1].text.startsWith('The'))
  assert(whole.choices[0].logprobs.token_logprobs[0] === null)
  const texts = ['', '']
  for await (const chunk of await client.completions.create({ ...fields, stream: true })) {
    for (const choice of chunk.choices) texts[choice.index] += choice.text
  }
  assert(texts[0].startsWith('Once') && texts[1].startsWith('The'))
})

check('embeddings: the client\'s own base64, and floats', async () => {
  const own = await client.embeddings.create({ model, input: 'hello' })
  const floats = await client.embeddings.create({ model, input: 'hello', encoding_format: 'float' })
  assert(Math.abs(own.data[0].embedding[3] - floats.data[0].embedding[3]) < 1e-6)
})

check('models', async () => {
  const found = []
  for await (const one of client.models.list()) found.push(one.id)
  assert(found.includes(model))
})

check('responses, whole and streamed', async () => {
  const answer = await client.responses.create({ model, input: 'Say hello.', max_output_tokens: 16 })
  assert(answer.output_text.length > 0)
  const kinds = []
  for await (const event of await client.responses.create({ model, input: 'Hi', max_output_tokens: 8, stream: true })) {
    kinds.push(event.type)
  }
  assert(kinds[0] === 'response.created', kinds[0])
})

check('errors', async () => {
  await rejects(() => chat({ model: 'nobody' }), error => error instanceof OpenAI.NotFoundError)
  await rejects(() => chat({ temperature: 9 }), error => error.param === 'temperature' && error.status === 400)
})

check('an aborted stream ends', async () => {
  const stream = await chat({ stream: true, max_tokens: 900, ignore_eos: true })
  for await (const _ of stream) stream.controller.abort()
})

run(`npm openai ${versionOf('openai')}`)
