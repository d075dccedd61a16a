// An OpenID Connect provider for tests: the npm package `oidc-provider`, with users from the command line.
//
// The first line on standard output is {"issuer":"http://127.0.0.1:PORT"}. Any address of this machine may be a redirect
// URI, so that the provider can be started before the server that uses it. It ends when its standard input ends.

import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

// First, since it keeps the package from warning.
import { options, run } from './part.mjs';

import Provider from 'oidc-provider';

const USAGE = `usage: node openid-provider.mjs [OPTION]...
  --port N            port on 127.0.0.1 (default 0: any that is free)
  --issuer URL        what it calls itself, where a proxy stands before it
  --client ID:SECRET  a client; without ":SECRET" a public one (default indelible:secret); repeat it
  --user JSON         {"username":"ada","password":"...","groups":["staff"], and other claims}; repeat it
  --sign-in USERNAME  every sign-in is this user's at once, without a form
  --claims-in WHERE   id_token or userinfo (default userinfo, as the package does)
  --alg ALG           how ID tokens are signed (default RS256)
  --auth METHOD       how clients with a secret prove it (default client_secret_basic)
  --no-logout         no RP-initiated logout
  --cert FILE --key FILE  HTTPS instead of HTTP
A line {"sign_in":USERNAME or null} or {"user":{...}} on standard input changes that; the answer is {"done":true}.`;

const given = options(USAGE, {
  port: { type: 'string', default: '0' },
  issuer: { type: 'string' },
  client: { type: 'string', multiple: true, default: ['indelible:secret'] },
  user: { type: 'string', multiple: true, default: [] },
  'sign-in': { type: 'string' },
  'claims-in': { type: 'string', default: 'userinfo' },
  alg: { type: 'string', default: 'RS256' },
  auth: { type: 'string', default: 'client_secret_basic' },
  'no-logout': { type: 'boolean', default: false },
  cert: { type: 'string' },
  key: { type: 'string' },
});

const users = new Map();
let signIn = given['sign-in'] ?? null;

function addUser(user) {
  users.set(user.username, user);
}
given.user.map((text) => JSON.parse(text)).forEach(addUser);

/** A new signing key at every start: a restart is a rotation. */
function signingKey() {
  const rsa = ['rsa', { modulusLength: 2048 }];
  const kinds = { RS: rsa, PS: rsa, ES: ['ec', { namedCurve: 'P-256' }], Ed: ['ed25519', {}] };
  const [kind, parameters] = kinds[given.alg.slice(0, 2)];
  // By way of PEM: Node.js 20 stands still for ever where it collects what made a key while the same key is exported as
  // a JWK, since both take the key's lock.
  const privateKeyEncoding = { type: 'pkcs8', format: 'pem' };
  const publicKeyEncoding = { type: 'spki', format: 'pem' };
  const pair = generateKeyPairSync(kind, { ...parameters, privateKeyEncoding, publicKeyEncoding });
  const privateKey = createPrivateKey(pair.privateKey);
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: given.alg, kid: randomBytes(8).toString('hex') };
}

function client(text) {
  const at = text.indexOf(':');
  const common = {
    client_id: at < 0 ? text : text.slice(0, at),
    redirect_uris: ['http://127.0.0.1/'],
    post_logout_redirect_uris: ['http://127.0.0.1/'],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    id_token_signed_response_alg: given.alg,
  };
  if (at < 0) return { ...common, token_endpoint_auth_method: 'none' };
  return { ...common, client_secret: text.slice(at + 1), token_endpoint_auth_method: given.auth };
}

/** The subject is not the username, so that nobody takes one for the other. */
const subjectOf = (username) => `id-of-${username}`;

function account(subject) {
  const user = [...users.values()].find(({ username }) => subjectOf(username) === subject);
  if (!user) return undefined;
  const { password, username: preferred_username, ...claims } = user;
  return { accountId: subject, claims: () => ({ sub: subject, preferred_username, ...claims }) };
}

function configuration() {
  return {
    clients: given.client.map(client),
    jwks: { keys: [signingKey()] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    scopes: ['openid', 'profile', 'email', 'groups'],
    claims: {
      openid: ['sub'],
      profile: ['preferred_username', 'name', 'given_name', 'family_name', 'locale', 'zoneinfo'],
      email: ['email', 'email_verified'],
      groups: ['groups', 'realm_access'],
    },
    conformIdTokenClaims: given['claims-in'] !== 'id_token',
    clientAuthMethods: ['none', given.auth],
    enabledJWA: { idTokenSigningAlgValues: [given.alg] },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        enabled: !given['no-logout'],
        logoutSource: (ctx, form) => {
          ctx.body = page('Sign out', `${form}<button form="op.logoutForm" name="logout" value="yes">Sign out</button>`);
        },
      },
    },
    findAccount: (_ctx, subject) => account(subject),
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    // Nobody is asked for consent.
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({
        accountId: ctx.oidc.session.accountId,
        clientId: ctx.oidc.client.clientId,
      });
      grant.addOIDCScope('openid profile email groups');
      await grant.save();
      return grant;
    },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  };
}

function page(title, body) {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${body}</html>`;
}

const FORM = `<form method="post">
<label>Username <input name="username" autocomplete="off"></label>
<label>Password <input name="password" type="password"></label>
<button>Sign in</button> <button name="refuse" value="yes">Refuse</button></form>`;

/** Shows the form, or ends the interaction with who signed in. */
async function interact(provider, request, response) {
  const finish = (result) => provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  const { prompt } = await provider.interactionDetails(request, response);
  if (prompt.name !== 'login') throw new Error(`nobody answers the prompt ${prompt.name}`);
  if (signIn !== null) return finish({ login: { accountId: subjectOf(signIn) } });
  let note = '';
  if (request.method === 'POST') {
    const form = new URLSearchParams(await body(request));
    if (form.has('refuse')) return finish({ error: 'access_denied', error_description: 'the user refused' });
    const user = users.get(form.get('username'));
    if (user && user.password === form.get('password')) return finish({ login: { accountId: subjectOf(user.username) } });
    note = '<p role="alert">Wrong username or password</p>';
  }
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(page('Sign in at the provider', note + FORM));
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

function provide(issuer) {
  const provider = new Provider(issuer, configuration());
  // Ports are not known beforehand.
  const isLocal = (uri) => ['127.0.0.1', 'localhost', '[::1]'].includes(URL.parse(uri)?.hostname);
  provider.Client.prototype.redirectUriAllowed = isLocal;
  provider.Client.prototype.postLogoutRedirectUriAllowed = isLocal;
  const oidc = provider.callback();
  return (request, response) => {
    if (!request.url.startsWith('/interaction/')) return oidc(request, response);
    return interact(provider, request, response).catch((error) => {
      response.statusCode = 400;
      response.end(error.message);
    });
  };
}

let handle;
const serve = (request, response) => handle(request, response);
const server = given.cert
  ? createTlsServer({ cert: readFileSync(given.cert), key: readFileSync(given.key) }, serve)
  : createServer(serve);

function ready(port) {
  const issuer = given.issuer ?? `${given.cert ? 'https' : 'http'}://127.0.0.1:${port}`;
  handle = provide(issuer);
  return { issuer, port };
}

run(server, Number(given.port), ready, (command) => {
  if ('sign_in' in command) signIn = command.sign_in;
  if (command.user) addUser(command.user);
  return { done: true };
});
