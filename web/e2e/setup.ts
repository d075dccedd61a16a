// One server for all tests, with hand-made events and a real CloudTrail file in it.

import { resolve } from 'node:path';

import { ACME, HOSTILE, LARGE, MANY, UMBRELLA } from './events';
import { Server } from './server';

const SAMPLES = resolve(import.meta.dirname, '../../testdata/events/aws-cloudtrail.ndjson');

export default async function setup(): Promise<() => Promise<void>> {
  const server = await Server.start();
  for (const tenant of ['acme', 'umbrella', 'pages', 'cloud']) await server.createTenant(tenant);
  const everything = await server.createKey({
    name: 'Auditor',
    permissions: ['audit.read', 'audit.verify', 'audit.originals'],
    reach: 'everything',
  });
  const acme = await server.createKey({
    name: 'Acme auditor',
    permissions: ['audit.read', 'audit.verify', 'audit.originals'],
    reach: { tenants: ['acme'] },
  });
  const sender = await server.createKey({ name: 'Sender', permissions: ['events.send'], reach: 'everything' });
  await server.send([...UMBRELLA, ...ACME, HOSTILE, LARGE]);
  await server.send(MANY);
  await server.send(
    [
      {
        specversion: '1.0',
        id: 'cloud-event-1',
        source: '/gate',
        type: 'com.example.gate.opened',
        time: '2026-11-20T09:00:00Z',
        datacontenttype: 'application/json',
        data: { tenant: 'acme', action: 'Open gate', actor: { type: 'user', username: 'ada' } },
      },
    ],
    'application/cloudevents-batch+json',
  ).catch((error: unknown) => {
    throw new Error('sending CloudEvents failed', { cause: error });
  });
  await server.import('aws-cloudtrail', SAMPLES, ['--tenant', 'cloud']);
  await server.waitForCount('tenant=pages', MANY.length);
  process.env.E2E_URL = server.url;
  process.env.E2E_ADMIN_KEY = server.adminKey;
  process.env.E2E_KEY = everything.key;
  process.env.E2E_ACME_KEY = acme.key;
  process.env.E2E_SENDER_KEY = sender.key;
  return () => server.stop();
}
