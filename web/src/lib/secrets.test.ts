// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { parseJson, type JsonObject } from './json';
import { MASK, hasSecret, isSecretName, maskText, maskedText } from './secrets';

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';

describe('names', () => {
  it.each([
    'password', 'Password', 'userPassword', 'user_password', 'new-password', 'old.password', 'PASSWD', 'pwd', 'passphrase',
    'secret', 'clientSecret', 'client_secret', 'token', 'accessToken', 'ACCESS_TOKEN', 'refresh-token', 'Session Token', 'idToken',
    'apiKey', 'api_key', 'API Key', 'x-api-key', 'privateKey', 'private_key_pem', 'secretAccessKey', 'Authorization', 'Cookie',
    'set-cookie', 'credentials', 'otp', 'totpCode', 'pin', 'cvv', 'recovery_codes', 'connectionString', 'jwt', 'voicemail_pin',
  ])('%s is one of a secret', (name) => {
    expect(isSecretName(name)).toBe(true);
  });

  it.each([
    '', 'name', 'user', 'key', 'keyId', 'publicKey', 'primary key', 'accessKeyId', 'token_type', 'tokenId', 'passwordPolicy',
    'password_changed_at', 'passwordLastUsed', 'secretName', 'secret_arn', 'nextToken', 'page_token', 'continuationToken',
    'clientRequestToken', 'shipping', 'opinion', 'pinned', 'monkey', 'compass', 'passenger', 'cookiePolicy', 'tokens_used',
    'maxTokensLimit', 'author', 'authentication', 'Recording Id', 'session_id', 'passwordResetRequired',
  ])('%s is none', (name) => {
    expect(isSecretName(name)).toBe(false);
  });
});

describe('shapes', () => {
  it.each([
    ['a JWT', JWT, MASK],
    ['a JWT in a sentence', `signed in with ${JWT}.`, null],
    ['a GitHub token', 'pushed with ghp_16C7e42F292c6912E7710c838347Ae178B4a', `pushed with ${MASK}`],
    ['a GitLab token', 'glpat-ABCdef123456_7890xyz', MASK],
    ['a Slack token', 'xoxb-123456789012-abcdefGHIJ', MASK],
    ['a Stripe key', `sk_${'live'}_4eC39HqLyjWDarjtT1zdp7dc`, MASK],
    ['a Google key', 'AIzaSyA1234567890abcdefghijklmnopqrstuv', MASK],
    ['our own key', `ik_${'0123456789abcdef'.repeat(4)}`, MASK],
    ['our own link', `/set-up#il_${'0123456789abcdef'.repeat(4)}`, `/set-up#${MASK}`],
    ['a bearer', 'Authorization sent: Bearer abc.def-123456789', `Authorization sent: Bearer ${MASK}`],
    ['a key block', '-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nafter', `${MASK}\nafter`],
    ['a cut key block', 'x -----BEGIN PRIVATE KEY-----\nMIIE', `x ${MASK}`],
    ['a password in an address', 'https://ada:hunter2@example.com/x', `https://ada:${MASK}@example.com/x`],
    ['a query', '/login?user=ada&password=hunter2&next=/', `/login?user=ada&password=${MASK}&next=/`],
    ['a shell', 'mysql --password=hunter2 -u root', `mysql --password=${MASK} -u root`],
    ['JSON', '{"user":"ada","password":"hunter2","n":1}', `{"user":"ada","password":"${MASK}","n":1}`],
    ['JSON laid out', '{\n  "client_secret": "a\\"b"\n}', `{\n  "client_secret": "${MASK}"\n}`],
    ['JSON in JSON', '{"data":"{\\"token\\":\\"hunter2\\",\\"n\\":1}"}', `{"data":"{\\"token\\":\\"${MASK}\\",\\"n\\":1}"}`],
    ['a code', '{"pin":1234,"size":99}', `{"pin":${MASK},"size":99}`],
    ['a named value', '[{"field":"api_key","old":"k1","new":"k2"},{"field":"note","old":"a","new":"b"}]', `[{"field":"api_key","old":"${MASK}","new":"${MASK}"},{"field":"note","old":"a","new":"b"}]`],
    ['a header', 'X-Api-Key: 12ab34cd', `X-Api-Key: ${MASK}`],
  ])('%s is masked', (_, text, masked) => {
    if (masked === null) expect(maskText(text)).not.toContain('dozjgNry');
    else expect(maskText(text)).toBe(masked);
  });

  it.each([
    '', 'ada updated subscriber user100.', 'ada failed to sign in from 203.0.113.9: Wrong password.', 'Invalid token: expired',
    'Password: changed by admin', 'Basic authentication required', '2026-11-20T10:00:00Z', '203.0.113.9:443', 'token_type=bearer',
    'https://example.com/a:b@c', 'a=1&b=2', '{"token":null,"secret":"","tokens":12,"password":"********"}',
    '{"password":"HIDDEN_DUE_TO_SECURITY_REASONS"}', 'd67fcacc-617c-4f3e-b507-d3415680bd0b', 'arn:aws:iam::123456789012:user/ada',
    '{"token":{"type":"bearer"}}', 'sk-', 'eyJ', 'Mozilla/5.0 (X11; Linux x86_64)',
  ])('%s is left alone', (text) => {
    expect(maskText(text)).toBe(text);
  });
});

describe('named values', () => {
  it.each<[string, string, string]>([
    ['password', '"hunter2"', MASK],
    ['password', '""', ''],
    ['password', 'null', 'null'],
    ['password', 'true', 'true'],
    ['password', '"[REDACTED]"', '[REDACTED]'],
    ['PIN', '1234', `"${MASK}"`],
    ['tokens', '1234', '1234'],
    ['note', '"call me"', 'call me'],
    ['note', `"it was ${JWT}"`, `it was ${MASK}`],
    ['request', '{"2":"b","1":"a","password":"x1","n":12345678901234567890}', `{"2":"b","1":"a","password":"${MASK}","n":12345678901234567890}`],
    ['credentials', '{"user":"ada","list":["a1",false,null]}', `{"user":"${MASK}","list":["${MASK}",false,null]}`],
    ['list', '[{"name":"password","value":"x1"},{"name":"size","value":"x2"}]', `[{"name":"password","value":"${MASK}"},{"name":"size","value":"x2"}]`],
    ['recovery codes', '["1111-2222"]', `["${MASK}"]`],
  ])('%s: %s', (name, json, masked) => {
    const value = parseJson(json);
    expect(maskedText(name, value)).toBe(masked);
    expect(hasSecret(name, value)).toBe(masked.includes(MASK));
  });

  it('keeps every key, in its order', () => {
    const value = parseJson('{"__proto__":{"secret":"x1"},"10":1,"9":{"a":[{"token":"t1"}]}}') as JsonObject;
    expect(maskedText('x', value)).toBe(`{"__proto__":{"secret":"${MASK}"},"10":1,"9":{"a":[{"token":"${MASK}"}]}}`);
  });
});

describe('a megabyte of anything', () => {
  it.each([
    'a', 'eyJ', '-eyJhbGciOi', 'password=', 'password="', '"token":', 'token = ', '\\"', 'a:', 'http://a:', '-----BEGIN PRIVATE KEY-----',
    'Bearer ', 'ghp_', ' ', '\n', 'x=y&', '\u0000', 'A.', 'token:', 'token:1', '"name":"password",', '"name":',
  ])('of %j takes a moment', (piece) => {
    const text = piece.repeat(Math.ceil(1_000_000 / piece.length));
    const start = performance.now();
    maskText(text);
    maskedText(text, text);
    expect(performance.now() - start).toBeLessThan(4000);
  });
});
