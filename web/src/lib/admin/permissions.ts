// Permissions and reaches as people read them. `audit.read` is "Audit Logs", under "Organisation-level permissions".

import { m } from '$lib/paraglide/messages';

export interface PermissionGroup {
  label: () => string;
  permissions: string[];
}

export const PERMISSION_GROUPS: readonly PermissionGroup[] = [
  {
    label: m.admin_permissions_organisation,
    permissions: ['audit.read', 'audit.export', 'audit.reports', 'audit.originals', 'audit.verify'],
  },
  {
    label: m.admin_permissions_administration,
    permissions: ['users.manage', 'tenants.manage', 'settings.manage', 'keys.manage', 'retention.manage', 'holds.manage'],
  },
  { label: m.admin_permissions_programs, permissions: ['events.send'] },
];

interface Words {
  label: () => string;
  about: () => string;
}

const WORDS = new Map<string, Words>([
  ['audit.read', { label: m.admin_permission_read, about: m.admin_permission_read_about }],
  ['audit.export', { label: m.admin_permission_export, about: m.admin_permission_export_about }],
  ['audit.reports', { label: m.admin_permission_reports, about: m.admin_permission_reports_about }],
  ['audit.originals', { label: m.admin_permission_originals, about: m.admin_permission_originals_about }],
  ['audit.verify', { label: m.admin_permission_verify, about: m.admin_permission_verify_about }],
  ['users.manage', { label: m.admin_permission_users, about: m.admin_permission_users_about }],
  ['tenants.manage', { label: m.admin_permission_tenants, about: m.admin_permission_tenants_about }],
  ['settings.manage', { label: m.admin_permission_settings, about: m.admin_permission_settings_about }],
  ['keys.manage', { label: m.admin_permission_keys, about: m.admin_permission_keys_about }],
  ['retention.manage', { label: m.admin_permission_retention, about: m.admin_permission_retention_about }],
  ['holds.manage', { label: m.admin_permission_holds, about: m.admin_permission_holds_about }],
  ['events.send', { label: m.admin_permission_send, about: m.admin_permission_send_about }],
]);

/** The name that people read; one that this page does not know reads as the API has it. */
export function permissionLabel(permission: string): string {
  return WORDS.get(permission)?.label() ?? permission;
}

/** What it lets somebody do. */
export function permissionAbout(permission: string): string {
  return WORDS.get(permission)?.about() ?? '';
}

/** The groups with what of `permissions` belongs to them; what belongs to none stands in the last one. */
export function grouped(permissions: readonly string[]): { label: string; permissions: string[] }[] {
  const known = PERMISSION_GROUPS.flatMap((group) => group.permissions);
  return PERMISSION_GROUPS.map((group, at) => ({
    label: group.label(),
    permissions: [
      ...group.permissions.filter((one) => permissions.includes(one)),
      ...(at === PERMISSION_GROUPS.length - 1 ? permissions.filter((one) => !known.includes(one)) : []),
    ],
  })).filter((group) => group.permissions.length > 0);
}

export const ALL_PERMISSIONS: readonly string[] = PERMISSION_GROUPS.flatMap((group) => group.permissions);

/** Names that guard nothing yet: whoever has them sees them, and nobody is offered them. */
const GUARDING_NOTHING: readonly string[] = ['audit.originals', 'retention.manage', 'holds.manage'];

export const OFFERED_PERMISSIONS = ALL_PERMISSIONS.filter((one) => !GUARDING_NOTHING.includes(one));

export const ROLE_REACHES = ['everything', 'territories', 'tenant', 'oneself'] as const;

const REACHES = new Map<string, Words>([
  ['everything', { label: m.admin_reach_everything, about: m.admin_reach_everything_about }],
  ['territories', { label: m.admin_reach_territories, about: m.admin_reach_territories_about }],
  ['tenant', { label: m.admin_reach_tenant, about: m.admin_reach_tenant_about }],
  ['oneself', { label: m.admin_reach_oneself, about: m.admin_reach_oneself_about }],
]);

export function reachLabel(reach: string): string {
  return REACHES.get(reach)?.label() ?? reach;
}

export function reachAbout(reach: string): string {
  return REACHES.get(reach)?.about() ?? '';
}

/** A role that can be given: what a form has to ask beside its name. */
export interface GivenReach {
  name: string;
  reach: string;
}

/** The ready-made roles that people without reach over everything may give; only complete user management lists roles. */
export const READY_MADE_ROLES: readonly GivenReach[] = [
  { name: 'White Label Partner', reach: 'territories' },
  { name: 'Channel Partner', reach: 'territories' },
  { name: 'Tenant Auditor', reach: 'tenant' },
  { name: 'Reporter', reach: 'tenant' },
];
