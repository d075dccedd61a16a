// What went wrong with a request: RFC 9457 problem documents, and what never got that far.

/** An answer that is no success, or no answer at all. */
export class Problem extends Error {
  constructor(
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    /** The API's code, such as `invalid_filter`; null where the answer had none. */
    readonly code: string | null,
    readonly title: string,
    readonly detail: string | null,
    /** What the operator finds the request by. */
    readonly requestId: string | null,
    /** What was wrong with single fields. */
    readonly errors: { field: string | null; message: string }[] = [],
    /** How long the server asks to wait before the next try. */
    readonly retryAfterSeconds: number | null = null,
    /** Of a range that is not allowed: the largest allowed one nearest to it, RFC 3339. */
    readonly allowed: { since: string; until: string } | null = null,
  ) {
    super(title);
    this.name = 'Problem';
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Reads a problem from an answer's body; bodies of other kinds (a proxy's page) give the status alone. */
export function toProblem(response: Response, body: unknown): Problem {
  const fields: Record<string, unknown> =
    typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const errors = (Array.isArray(fields.errors) ? (fields.errors as unknown[]) : []).flatMap((entry) => {
    if (typeof entry !== 'object' || entry === null) return [];
    const { field, message } = entry as Record<string, unknown>;
    const said = text(message);
    return said === null ? [] : [{ field: text(field), message: said }];
  });
  return new Problem(
    response.status,
    text(fields.code),
    text(fields.title) ?? `${response.status} ${response.statusText}`.trim(),
    text(fields.detail),
    text(fields.instance) ?? response.headers.get('x-request-id'),
    errors,
    seconds(response.headers.get('retry-after')),
    range(fields.allowed),
  );
}

function range(given: unknown): Problem['allowed'] {
  const { since, until } = (given ?? {}) as Record<string, unknown>;
  return typeof since === 'string' && typeof until === 'string' ? { since, until } : null;
}

/** `Retry-After` in seconds; the server of ours sends no dates. */
function seconds(header: string | null): number | null {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) : null;
}
