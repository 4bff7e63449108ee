// Where the endpoint is, and a table of checks: as checks.py has it for the Python clients.
import { readFileSync } from 'node:fs'

export const url = process.env.CLIENTS_URL ?? 'http://127.0.0.1:8642'
export const baseURL = `${url}/v1`
export const model = process.env.CLIENTS_MODEL ?? 'nano'
export const apiKey = process.env.CLIENTS_KEY ?? 'none'
export const messages = [{ role: 'user', content: 'Say hello.' }]

const all = []

export function check (name, action) {
  all.push([name, action])
}

export function assert (condition, message = 'not so') {
  if (!condition) throw new Error(message)
}

export function versionOf (name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version
}

export async function rejects (action, test) {
  try {
    await action()
  } catch (error) {
    assert(test(error), `another error: ${error}`)
    return
  }
  throw new Error('nothing was thrown')
}

export async function run (title) {
  let failed = 0
  console.log(title)
  for (const [name, action] of all) {
    try {
      await action()
      console.log(`  ok      ${name}`)
    } catch (error) {
      failed += 1
      console.log(`  FAILED  ${name}: ${String(error.stack ?? error).split('\n').slice(0, 2).join(' ').slice(0, 300)}`)
    }
  }
  console.log(`${title}: ${all.length - failed} passed, ${failed} failed`)
  process.exit(failed ? 1 : 0)
}
