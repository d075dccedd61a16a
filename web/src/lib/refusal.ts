// Why a provider's sign-in ended without a session: the server says so in the address that it sends the browser to.

const PARAMETER = 'sign_in_refused';

const REASONS = [
  'unknown_user',
  'username_taken',
  'locked',
  'disabled',
  'invited',
  'tenant_suspended',
  'provider_unavailable',
  'refused_by_provider',
  'email_domain_not_allowed',
  'address_not_allowed',
] as const;

export type Refusal = (typeof REASONS)[number] | 'other';

/** Takes the reason out of the address, if there is one; a reason without words of its own is `other`. */
export function takeRefusal(): Refusal | null {
  const params = new URLSearchParams(location.search);
  const given = params.get(PARAMETER);
  if (given === null) return null;
  params.delete(PARAMETER);
  const query = params.toString();
  history.replaceState(history.state, '', location.pathname + (query === '' ? '' : `?${query}`) + location.hash);
  return REASONS.find((reason) => reason === given) ?? 'other';
}
