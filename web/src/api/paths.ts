// The requests that the viewer makes, in the shape that openapi-typescript generates.

type Answer<Query, Path> = {
  get: {
    parameters: { query?: Query; path: Path };
    responses: { 200: { content: { 'application/json': unknown } } };
  };
};

export interface EventsQuery {
  q?: string;
  tenant?: string;
  since?: string;
  until?: string;
  limit?: number;
  after?: string;
  before?: string;
  total?: boolean;
}

type Nothing = Record<string, never>;
type ById = { id: string };
type InTenant = { tenant?: string };

export interface paths {
  '/v1/events': Answer<EventsQuery, Nothing>;
  '/v1/events/{id}': Answer<InTenant, ById>;
  '/v1/events/{id}/original': Answer<InTenant, ById>;
  '/v1/events/{id}/proof': Answer<InTenant, ById>;
  '/v1/session': Answer<Nothing, Nothing>;
  '/v1/tenants': Answer<Nothing, Nothing>;
}
