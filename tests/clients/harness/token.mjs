// JSON web tokens, as the login of a product would issue them: HS256 with a shared secret.

import { createHmac, timingSafeEqual } from 'node:crypto';

/** The secret of the tests' issuer; servers are told it with `--jwt-secret`. */
export const SECRET = 'a secret of the tests, long enough for HMAC with SHA-256';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part) => JSON.parse(Buffer.from(part, 'base64url'));
const signature = (text, secret) => createHmac('sha256', secret).update(text).digest();

/** Seconds since 1970 in `seconds` from now. */
export const inSeconds = (seconds) => Math.floor(Date.now() / 1000) + seconds;

/** A token of `sub` with any more claims; it expires in an hour unless they say otherwise. */
export function token(sub, { secret = SECRET, ...claims } = {}) {
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub, exp: inSeconds(3600), ...claims })}`;
  return `${text}.${signature(text, secret).toString('base64url')}`;
}

/** The claims of a token, if it is good. */
export function verified(text, secret = SECRET) {
  const [head, body, signed] = text.split('.');
  const right = signature(`${head}.${body}`, secret);
  const given = Buffer.from(signed ?? '', 'base64url');
  if (given.length !== right.length || !timingSafeEqual(given, right)) throw new Error('a bad token');
  const claims = decode(body);
  if (claims.exp < Date.now() / 1000) throw new Error('an expired token');
  return claims;
}
