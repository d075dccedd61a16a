// An SMTP server for tests: the npm package `smtp-server`, each mail shown as the npm package `postal-mime` reads it.
//
// The first line on standard output is {"host":"127.0.0.1","port":N}. The command {"take":"mail"} is answered with the
// oldest mail that was not taken yet, {"mail":{...}}, or {"mail":null}; a mail is there before its sender is told. It
// ends when its standard input ends.

import { readFileSync } from 'node:fs';

import { options, run } from './part.mjs';

import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';

const USAGE = `usage: node smtp-server.mjs [OPTION]...
  --port N                   port on 127.0.0.1 (default 0: any that is free)
  --tls none|starttls|implicit  (default none); the others need --cert FILE --key FILE
  --user NAME:PASSWORD       AUTH is demanded, and only this is right
  --refuse ADDRESS=ANSWER    the recipient is refused, such as 'no@example.com=550 5.1.1 no such user'; repeat it
  --greylist ADDRESS=ANSWER  refused the first time only; repeat it
  --refuse-mail ANSWER       every mail is refused after its data`;

const given = options(USAGE, {
  port: { type: 'string', default: '0' },
  tls: { type: 'string', default: 'none' },
  cert: { type: 'string' },
  key: { type: 'string' },
  user: { type: 'string' },
  refuse: { type: 'string', multiple: true, default: [] },
  greylist: { type: 'string', multiple: true, default: [] },
  'refuse-mail': { type: 'string' },
});

/** `ADDRESS=ANSWER`, by address. */
function answers(list) {
  return new Map(list.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]));
}
const refused = answers(given.refuse);
const greylisted = answers(given.greylist);

/** An answer such as `550 5.1.1 no such user` as the package wants it. */
function refusal(answer) {
  return Object.assign(new Error(answer.slice(4)), { responseCode: Number(answer.slice(0, 3)) });
}

/** Accepted and not taken yet, the oldest first. */
const mails = [];

async function accept(stream, session) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  if (given['refuse-mail']) throw refusal(given['refuse-mail']);
  const raw = Buffer.concat(parts);
  const { headers, from, to, subject, messageId, date, text, html } = await new PostalMime().parse(raw);
  const { mailFrom, rcptTo } = session.envelope;
  const envelope = { from: mailFrom.address, to: rcptTo.map((recipient) => recipient.address) };
  const mail = { envelope, secure: session.secure, user: session.user ?? null, hello: session.hostNameAppearsAs };
  mails.push({ ...mail, headers, from, to, subject, messageId, date, text, html, raw: raw.toString('latin1') });
}

const server = new SMTPServer({
  secure: given.tls === 'implicit',
  ...(given.cert ? { cert: readFileSync(given.cert), key: readFileSync(given.key) } : {}),
  disabledCommands: [...(given.tls === 'none' ? ['STARTTLS'] : []), ...(given.user ? [] : ['AUTH'])],
  // A client that gives its password away in the clear is to be seen doing it only where the test asked for no TLS.
  allowInsecureAuth: given.tls === 'none',
  authOptional: !given.user,
  disableReverseLookup: true,
  onAuth({ username, password }, _session, done) {
    const right = `${username}:${password}` === given.user;
    done(right ? null : refusal('535 5.7.8 authentication failed'), { user: username });
  },
  onRcptTo({ address }, _session, done) {
    const answer = refused.get(address) ?? greylisted.get(address);
    greylisted.delete(address);
    done(answer ? refusal(answer) : null);
  },
  onData(stream, session, done) {
    accept(stream, session).then(() => done(), done);
  },
});

// A client that breaks off, such as one that does not trust the certificate, is no end of the server.
server.on('error', () => {});

run(server.server, Number(given.port), (port) => ({ host: '127.0.0.1', port }), () => ({ mail: mails.shift() ?? null }));
