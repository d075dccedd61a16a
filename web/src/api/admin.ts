// What the administration asks of the server: tenants, users, roles, keys, providers, the switch, the ledger, settings.
//
// Loaded with its pages; the transport is the `Api` of whoever is signed in.

import type { Client } from 'openapi-fetch';

import type { Json } from '$lib/json';

import type { Api, Outcome } from './client';
import type { components, paths } from './schema';
import type { OpenSession } from './types';

type Bodies = components['schemas'];

export type Auditing = Bodies['Auditing'];
export type Tenant = Bodies['TenantView'];
export type NewTenant = Bodies['NewTenant'];
export type TenantChange = Bodies['TenantChange'];
export type User = Bodies['UserView'];
export type UserRequest = Bodies['UserRequest'];
export type GivenRole = Bodies['GivenRole'];
export type Role = Bodies['RoleView'];
export type RoleRequest = Bodies['RoleRequest'];
export type Key = Bodies['KeyView'];
export type KeyRequest = Bodies['KeyRequest'];
export type KeyMade = Bodies['KeyMade'];
export type Reach = Bodies['ReachGiven'];
export type Ledger = Bodies['Ledger'];
export type Readiness = Bodies['Readiness'];
export type ActionType = Bodies['ActionType'];
export type ObjectType = Bodies['ObjectType'];
export type Mapping = Bodies['MappingItem'];
export type Provider = Bodies['ProviderView'];
/** The secret is sent only, so the schema, which is that of answers too, does not have it. */
export type ProviderConfig = Bodies['ProviderConfig'] & { client_secret?: string };

export type Mail = Bodies['MailView'];
export type UserLink = Bodies['UserLink'];

export class Administration {
  constructor(private readonly api: Api) {}

  auditing(signal?: AbortSignal): Promise<Auditing> {
    return this.api.read((client) => client.GET('/v1/auditing', { ...TEXT, ...abort(signal) }));
  }

  /** Switches the installation's auditing on: there is no way back. */
  switchAuditingOn(): Promise<Auditing> {
    return this.api.read((client) => client.PUT('/v1/auditing', { body: { auditing: true }, ...TEXT }));
  }

  ledger(signal?: AbortSignal): Promise<Ledger> {
    return this.api.read((client) => client.GET('/v1/ledger', { ...TEXT, ...abort(signal) }));
  }

  /** The proof that the tree of `from` entries is a prefix of the tree of `to` entries, base64. */
  consistency(from: bigint, to: bigint, signal?: AbortSignal): Promise<string[]> {
    return this.api.consistency(from, to, signal);
  }

  readiness(signal?: AbortSignal): Promise<Readiness> {
    return this.api.read(async (client) => {
      const outcome = await client.GET('/readyz', { ...TEXT, ...abort(signal) });
      const said: unknown = outcome.error;
      // 503 is an answer too: it says what is missing. One of a proxy's says nothing.
      if (outcome.response.status !== 503 || typeof said !== 'object' || said === null || !('ingest' in said)) return outcome;
      return { data: JSON.stringify(said), response: new Response(null, { headers: outcome.response.headers }) };
    });
  }

  /** The tenants within reach, by name. */
  tenants(signal?: AbortSignal): Promise<Tenant[]> {
    return this.list((client) => client.GET('/v1/tenants', { ...TEXT, ...abort(signal) }));
  }

  tenant(name: string, signal?: AbortSignal): Promise<Tenant> {
    const params = { path: { name } };
    return this.api.read((client) => client.GET('/v1/tenants/{name}', { params, ...TEXT, ...abort(signal) }));
  }

  createTenant(body: NewTenant): Promise<Tenant> {
    return this.api.read((client) => client.POST('/v1/tenants', { body, ...TEXT }));
  }

  changeTenant(name: string, body: TenantChange): Promise<Tenant> {
    const params = { path: { name } };
    return this.api.read((client) => client.PATCH('/v1/tenants/{name}', { params, body, ...TEXT }));
  }

  deleteTenant(name: string): Promise<void> {
    const params = { path: { name } };
    return this.api.change((client) => client.DELETE('/v1/tenants/{name}', { params, ...TEXT }));
  }

  /** The users whom the caller manages, by username. */
  users(signal?: AbortSignal): Promise<User[]> {
    return this.list((client) => client.GET('/v1/users', { ...TEXT, ...abort(signal) }));
  }

  user(id: string, signal?: AbortSignal): Promise<User> {
    const params = { path: { id } };
    return this.api.read((client) => client.GET('/v1/users/{id}', { params, ...TEXT, ...abort(signal) }));
  }

  createUser(body: UserRequest): Promise<User> {
    return this.api.read((client) => client.POST('/v1/users', { body, ...TEXT }));
  }

  changeUser(id: string, body: UserRequest): Promise<User> {
    const params = { path: { id } };
    return this.api.read((client) => client.PATCH('/v1/users/{id}', { params, body, ...TEXT }));
  }

  /** Makes the link of an invitation or a new password: for the caller to hand over, or sent by mail. */
  makeLink(id: string, byMail: boolean): Promise<UserLink> {
    const params = { path: { id } };
    return this.api.read((client) =>
      client.POST('/v1/users/{id}/link', { params, body: { by_mail: byMail }, ...TEXT }),
    );
  }

  removeSecondFactor(id: string): Promise<void> {
    const params = { path: { id } };
    return this.api.change((client) => client.DELETE('/v1/users/{id}/second-factor', { params, ...TEXT }));
  }

  /** The sessions of a user, the one used last first. */
  sessions(id: string, signal?: AbortSignal): Promise<OpenSession[]> {
    const params = { path: { id } };
    return this.list((client) => client.GET('/v1/users/{id}/sessions', { params, ...TEXT, ...abort(signal) }));
  }

  endSessions(id: string): Promise<void> {
    const params = { path: { id } };
    return this.api.change((client) => client.DELETE('/v1/users/{id}/sessions', { params, ...TEXT }));
  }

  /** Every role, the ready-made ones first. */
  roles(signal?: AbortSignal): Promise<Role[]> {
    return this.list((client) => client.GET('/v1/roles', { ...TEXT, ...abort(signal) }));
  }

  createRole(body: RoleRequest): Promise<Role> {
    return this.api.read((client) => client.POST('/v1/roles', { body, ...TEXT }));
  }

  changeRole(id: string, body: RoleRequest): Promise<Role> {
    const params = { path: { id } };
    return this.api.read((client) => client.PUT('/v1/roles/{id}', { params, body, ...TEXT }));
  }

  deleteRole(id: string): Promise<void> {
    const params = { path: { id } };
    return this.api.change((client) => client.DELETE('/v1/roles/{id}', { params, ...TEXT }));
  }

  /** Keys whose whole reach lies within the caller's, the oldest first. */
  keys(signal?: AbortSignal): Promise<Key[]> {
    return this.list((client) => client.GET('/v1/keys', { ...TEXT, ...abort(signal) }));
  }

  createKey(body: KeyRequest): Promise<KeyMade> {
    return this.api.read((client) => client.POST('/v1/keys', { body, ...TEXT }));
  }

  /** Makes a key like this one, which ends after the overlap. */
  rotateKey(id: string, overlapSeconds: number): Promise<KeyMade> {
    const params = { path: { id } };
    const body = { overlap_seconds: overlapSeconds };
    return this.api.read((client) => client.POST('/v1/keys/{id}/rotation', { params, body, ...TEXT }));
  }

  revokeKey(id: string): Promise<void> {
    const params = { path: { id } };
    return this.api.change((client) => client.DELETE('/v1/keys/{id}', { params, ...TEXT }));
  }

  providers(signal?: AbortSignal): Promise<Provider[]> {
    return this.list((client) => client.GET('/v1/providers', { ...TEXT, ...abort(signal) }));
  }

  putProvider(id: string, body: ProviderConfig): Promise<Provider> {
    const params = { path: { id } };
    return this.api.read((client) => client.PUT('/v1/providers/{id}', { params, body, ...TEXT }));
  }

  deleteProvider(id: string): Promise<void> {
    const params = { path: { id } };
    return this.api.change((client) => client.DELETE('/v1/providers/{id}', { params, ...TEXT }));
  }

  /** Whether links can be sent by mail: told to everybody, the settings of mail are not. */
  async sendsMail(signal?: AbortSignal): Promise<boolean> {
    return (await this.api.signInOffers(signal)).password_reset;
  }

  mail(signal?: AbortSignal): Promise<Mail> {
    return this.api.read((client) => client.GET('/v1/mail', { ...TEXT, ...abort(signal) }));
  }

  /** Sends a mail that tests the settings; done when the mail server has taken it. */
  testMail(to: string): Promise<void> {
    return this.api.change((client) => client.POST('/v1/mail/test', { body: { to }, ...TEXT }));
  }

  actions(signal?: AbortSignal): Promise<ActionType[]> {
    return this.api.read((client) => client.GET('/v1/actions', { ...TEXT, ...abort(signal) }));
  }

  objects(signal?: AbortSignal): Promise<ObjectType[]> {
    return this.api.read((client) => client.GET('/v1/objects', { ...TEXT, ...abort(signal) }));
  }

  /** The rules in force, as they are stored. */
  rules(signal?: AbortSignal): Promise<Json> {
    return this.api.read((client) => client.GET('/v1/rules', { ...TEXT, ...abort(signal) }));
  }

  /** Every version of every mapping, by name. */
  mappings(signal?: AbortSignal): Promise<Mapping[]> {
    return this.list((client) => client.GET('/v1/mappings', { ...TEXT, ...abort(signal) }));
  }

  /** The text of one version, TOML. */
  mapping(name: string, version: number, signal?: AbortSignal): Promise<string> {
    const params = { path: { name }, query: { version } };
    return this.api.readText((client) => client.GET('/v1/mappings/{name}', { params, ...TEXT, ...abort(signal) }));
  }

  private async list<T>(ask: (client: Client<paths>) => Promise<Outcome<string>>): Promise<T[]> {
    return (await this.api.read<{ data: T[] }>(ask)).data;
  }
}

/** Answers are parsed by `Api`, without loss. */
const TEXT = { parseAs: 'text' } as const;

function abort(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
