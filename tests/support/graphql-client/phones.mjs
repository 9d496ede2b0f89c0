// Tells of each number on its standard input, `+` and digits, whether npm `phone` takes it for a mobile phone's as it stands.
import { readFileSync } from 'node:fs'
import { phone } from 'phone'

const numbers = readFileSync(0, 'utf8').split('\n').filter(Boolean)
process.stdout.write(JSON.stringify(numbers.map((number) => phone(number, { strictDetection: true }).isValid)))
