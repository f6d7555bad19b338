// Calls the interop server with grpc-js, knowing nothing but what reflection tells.
// Usage: node client.js SERVER_PROGRAM
'use strict';
const assert = require('assert');
const { spawn } = require('child_process');
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const { GrpcReflection } = require('grpc-js-reflection-client');

const LOADER = { keepCase: true, longs: Number, enums: String, defaults: true };

function credentials(dir, name) {
  const read = (file) => fs.readFileSync(`${dir}/${file}`);
  return grpc.credentials.createSsl(read('ca.pem'), read(`${name}.key`), read(`${name}.pem`));
}

function unary(client, method, request, options) {
  return new Promise((resolve, reject) => {
    client[method](request, options || {}, (error, reply) => (error ? reject(error) : resolve(reply)));
  });
}

async function failure(promise, code) {
  try {
    await promise;
  } catch (error) {
    assert.strictEqual(error.code, code, error.message);
    return error;
  }
  throw new Error(`expected status ${code}`);
}

async function checkUnary(api, address, creds) {
  const client = new api.bailey.v1.Operator(address, creds);
  const reply = await unary(client, 'Get', { kind: 'echo', name: 'hélas' });
  assert.strictEqual(reply.revision, 6);
  const error = await failure(unary(client, 'Get', { kind: 'fail', name: 'ü' }), grpc.status.ABORTED);
  assert.strictEqual(error.details, 'it failed: ü');
  const details = error.metadata.get('grpc-status-details-bin')[0];
  assert(Buffer.isBuffer(details) && details.includes('test.reason') && details.includes('milano'));
  const soon = { deadline: Date.now() + 300 };
  await failure(unary(client, 'Get', { kind: 'never' }, soon), grpc.status.DEADLINE_EXCEEDED);
  const big = { kind: 'echo', name: 'x'.repeat(5 << 20) };
  await failure(unary(client, 'Get', big), grpc.status.RESOURCE_EXHAUSTED);
  await failure(unary(client, 'Status', {}), grpc.status.UNIMPLEMENTED);
  client.close();
}

function checkStream(api, address, creds) {
  return new Promise((resolve, reject) => {
    const client = new api.bailey.v1.NodeSession(address, creds);
    const stream = client.Connect();
    let next = 100;
    stream.on('data', (m) => assert.strictEqual(m.heartbeat_ack.sequence, next++));
    stream.on('error', reject);
    stream.on('end', () => {
      assert.strictEqual(next, 300);
      client.close();
      resolve();
    });
    for (let i = 100; i < 300; i++) stream.write({ heartbeat: { sequence: i } });
    stream.end();
  });
}

async function checkHealth(health, address, creds) {
  const client = new health.grpc.health.v1.Health(address, creds);
  assert.strictEqual((await unary(client, 'Check', {})).status, 'SERVING');
  await failure(unary(client, 'Check', { service: 'nothing' }), grpc.status.NOT_FOUND);
  await new Promise((resolve, reject) => {
    const watch = client.Watch({});
    watch.on('data', (m) => {
      assert.strictEqual(m.status, 'SERVING');
      watch.cancel();
    });
    watch.on('error', (e) => (e.code === grpc.status.CANCELLED ? resolve() : reject(e)));
  });
  client.close();
}

async function run(port, dir) {
  const address = `127.0.0.1:${port}`;
  const creds = credentials(dir, 'node');
  for (const version of ['v1', 'v1alpha']) {
    const reflection = new GrpcReflection(address, creds, {}, version);
    const services = await reflection.listServices();
    assert(services.includes('bailey.v1.Operator'), services.join());
    assert(!services.includes('bailey.v1.Enrolment'));
    const methods = await reflection.listMethods('bailey.v1.Operator');
    assert(methods.some((m) => m.name === 'Apply'));
    const api = (await reflection.getDescriptorBySymbol('bailey.v1.Operator')).getPackageObject(LOADER);
    await checkUnary(api, address, creds);
    const session = await reflection.getDescriptorBySymbol('bailey.v1.NodeSession');
    await checkStream(session.getPackageObject(LOADER), address, creds);
    const health = await reflection.getDescriptorBySymbol('grpc.health.v1.Health');
    await checkHealth(health.getPackageObject(LOADER), address, creds);
  }
}

const server = spawn(process.argv[2], { stdio: ['pipe', 'pipe', 'inherit'] });
server.stdout.once('data', async (line) => {
  let status = 0;
  try {
    const [, port, , dir] = line.toString().trim().split(' ');
    await run(port, dir);
    console.log('grpc-js: reflection v1 and v1alpha, health, error details, limits, streams: ok');
  } catch (error) {
    console.error(error);
    status = 1;
  }
  server.once('exit', (code) => process.exit(status || code));
  server.stdin.end();
});
