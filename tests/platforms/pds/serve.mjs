// A real PDS (with a PLC directory, without an AppView) and one account on it. Prints one line of JSON, then serves
// until its standard input ends, so that it never outlives the test that started it.
//
// usage: node serve.mjs '{"rateLimitsEnabled": true}'    settings of the PDS, all optional
import { TestNetworkNoAppView } from '@atproto/dev-env'

const account = { handle: 'desk.test', email: 'desk@example.com', password: 'the-account-password' }
const jwtSecret = 'secret-of-a-server-that-holds-nothing'
const network = await TestNetworkNoAppView.create({
  pds: { jwtSecret, ...JSON.parse(process.argv[2] ?? '{}') },
})
const client = network.pds.getClient()
const { data } = await client.com.atproto.server.createAccount(account)
const appPassword = await client.com.atproto.server.createAppPassword(
  { name: 'steersman' },
  { headers: { authorization: `Bearer ${data.accessJwt}` }, encoding: 'application/json' },
)
console.log(
  JSON.stringify({
    url: network.pds.url,
    did: data.did,
    handle: account.handle,
    account_password: account.password,
    app_password: appPassword.data.password,
    jwt_secret: jwtSecret,
  }),
)
process.stdin.resume()
process.stdin.on('end', async () => {
  await network.close()
  process.exit(0)
})
