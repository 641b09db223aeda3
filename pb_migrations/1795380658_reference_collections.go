// Package pb_migrations is the history of the database's collections. A binary
// that imports it applies what is missing when it starts to serve.
package pb_migrations

import (
	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"
)

func init() {
	m.Register(func(app core.App) error {
		return app.ImportCollectionsByMarshaledJSON([]byte(`[
	{
		"authAlert": {
			"emailTemplate": {
				"body": "\u003cp\u003eHello,\u003c/p\u003e\n\u003cp\u003eWe noticed a login to your {APP_NAME} account from a new location:\u003c/p\u003e\n\u003cp\u003e\u003cem\u003e{ALERT_INFO}\u003c/em\u003e\u003c/p\u003e\n\u003cp\u003e\u003cstrong\u003eIf this wasn't you, you should immediately change your {APP_NAME} account password to revoke access from all other locations.\u003c/strong\u003e\u003c/p\u003e\n\u003cp\u003eIf this was you, you may disregard this email.\u003c/p\u003e\n\u003cp\u003e\n  Thanks,\u003cbr/\u003e\n  {APP_NAME} team\n\u003c/p\u003e",
				"subject": "Login from a new location"
			},
			"enabled": true
		},
		"authRule": "",
		"authToken": {
			"duration": 432000
		},
		"confirmEmailChangeTemplate": {
			"body": "\u003cp\u003eHello,\u003c/p\u003e\n\u003cp\u003eClick on the button below to confirm your new email address.\u003c/p\u003e\n\u003cp\u003e\n  \u003ca class=\"btn\" href=\"{APP_URL}/_/#/auth/confirm-email-change/{TOKEN}\" target=\"_blank\" rel=\"noopener\"\u003eConfirm new email\u003c/a\u003e\n\u003c/p\u003e\n\u003cp\u003e\u003ci\u003eIf you didn't ask to change your email address, please ignore this email.\u003c/i\u003e\u003c/p\u003e\n\u003cp\u003e\n  Thanks,\u003cbr/\u003e\n  {APP_NAME} team\n\u003c/p\u003e",
			"subject": "Confirm your {APP_NAME} new email address"
		},
		"createRule": "",
		"deleteRule": "id = @request.auth.id",
		"emailChangeToken": {
			"duration": 1800
		},
		"fields": [
			{
				"autogeneratePattern": "[a-z0-9]{15}",
				"help": "",
				"hidden": false,
				"id": "text3208210256",
				"max": 15,
				"min": 15,
				"name": "id",
				"pattern": "^[a-z0-9]+$",
				"presentable": false,
				"primaryKey": true,
				"required": true,
				"system": true,
				"type": "text"
			},
			{
				"cost": 0,
				"help": "",
				"hidden": true,
				"id": "password901924565",
				"max": 0,
				"min": 8,
				"name": "password",
				"pattern": "",
				"presentable": false,
				"required": true,
				"system": true,
				"type": "password"
			},
			{
				"autogeneratePattern": "[a-zA-Z0-9]{50}",
				"help": "",
				"hidden": true,
				"id": "text2504183744",
				"max": 60,
				"min": 30,
				"name": "tokenKey",
				"pattern": "",
				"presentable": false,
				"primaryKey": false,
				"required": true,
				"system": true,
				"type": "text"
			},
			{
				"exceptDomains": null,
				"help": "",
				"hidden": false,
				"id": "email3885137012",
				"name": "email",
				"onlyDomains": null,
				"presentable": false,
				"required": true,
				"system": true,
				"type": "email"
			},
			{
				"help": "",
				"hidden": false,
				"id": "bool1547992806",
				"name": "emailVisibility",
				"presentable": false,
				"required": false,
				"system": true,
				"type": "bool"
			},
			{
				"help": "",
				"hidden": false,
				"id": "bool256245529",
				"name": "verified",
				"presentable": false,
				"required": false,
				"system": true,
				"type": "bool"
			},
			{
				"autogeneratePattern": "",
				"help": "",
				"hidden": false,
				"id": "text1579384326",
				"max": 120,
				"min": 0,
				"name": "name",
				"pattern": "",
				"presentable": false,
				"primaryKey": false,
				"required": false,
				"system": false,
				"type": "text"
			},
			{
				"help": "",
				"hidden": false,
				"id": "file376926767",
				"maxSelect": 1,
				"maxSize": 2097152,
				"mimeTypes": [
					"image/jpeg",
					"image/png",
					"image/webp"
				],
				"name": "avatar",
				"presentable": false,
				"protected": false,
				"required": false,
				"system": false,
				"thumbs": [
					"96x96"
				],
				"type": "file"
			},
			{
				"autogeneratePattern": "",
				"help": "",
				"hidden": false,
				"id": "text1146066909",
				"max": 32,
				"min": 0,
				"name": "phone",
				"pattern": "^\\+?[0-9 ()/.-]*$",
				"presentable": false,
				"primaryKey": false,
				"required": false,
				"system": false,
				"type": "text"
			},
			{
				"autogeneratePattern": "",
				"help": "",
				"hidden": false,
				"id": "text1098958488",
				"max": 16,
				"min": 0,
				"name": "locale",
				"pattern": "^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$",
				"presentable": false,
				"primaryKey": false,
				"required": false,
				"system": false,
				"type": "text"
			},
			{
				"hidden": false,
				"id": "autodate2990389176",
				"name": "created",
				"onCreate": true,
				"onUpdate": false,
				"presentable": false,
				"system": false,
				"type": "autodate"
			},
			{
				"hidden": false,
				"id": "autodate3332085495",
				"name": "updated",
				"onCreate": true,
				"onUpdate": true,
				"presentable": false,
				"system": false,
				"type": "autodate"
			}
		],
		"fileToken": {
			"duration": 180
		},
		"id": "_pb_users_auth_",
		"indexes": [
			"CREATE UNIQUE INDEX \u0060idx_tokenKey_pbc_1736455494\u0060 ON \u0060users\u0060 (\u0060tokenKey\u0060)",
			"CREATE UNIQUE INDEX \u0060idx_email_pbc_1736455494\u0060 ON \u0060users\u0060 (\u0060email\u0060) WHERE \u0060email\u0060 != ''"
		],
		"listRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 ((id = @request.auth.id) || (memberships_via_user.organization.memberships_via_organization.user ?= @request.auth.id))",
		"manageRule": null,
		"mfa": {
			"duration": 600,
			"enabled": false,
			"rule": ""
		},
		"name": "users",
		"oauth2": {
			"enabled": false,
			"mappedFields": {
				"avatarURL": "",
				"id": "",
				"name": "",
				"username": ""
			},
			"providers": []
		},
		"otp": {
			"duration": 180,
			"emailTemplate": {
				"body": "\u003cp\u003eHello,\u003c/p\u003e\n\u003cp\u003eYour one-time password is: \u003cstrong\u003e{OTP}\u003c/strong\u003e\u003c/p\u003e\n\u003cp\u003e\u003ci\u003eIf you didn't ask for the one-time password, you can ignore this email.\u003c/i\u003e\u003c/p\u003e\n\u003cp\u003e\n  Thanks,\u003cbr/\u003e\n  {APP_NAME} team\n\u003c/p\u003e",
				"subject": "OTP for {APP_NAME}"
			},
			"enabled": false,
			"length": 8
		},
		"passwordAuth": {
			"enabled": true,
			"identityFields": [
				"email"
			]
		},
		"passwordResetToken": {
			"duration": 1800
		},
		"resetPasswordTemplate": {
			"body": "\u003cp\u003eHello,\u003c/p\u003e\n\u003cp\u003eClick on the button below to reset your password.\u003c/p\u003e\n\u003cp\u003e\n  \u003ca class=\"btn\" href=\"{APP_URL}/_/#/auth/confirm-password-reset/{TOKEN}\" target=\"_blank\" rel=\"noopener\"\u003eReset password\u003c/a\u003e\n\u003c/p\u003e\n\u003cp\u003e\u003ci\u003eIf you didn't ask to reset your password, please ignore this email.\u003c/i\u003e\u003c/p\u003e\n\u003cp\u003e\n  Thanks,\u003cbr/\u003e\n  {APP_NAME} team\n\u003c/p\u003e",
			"subject": "Reset your {APP_NAME} password"
		},
		"system": false,
		"type": "auth",
		"updateRule": "id = @request.auth.id",
		"verificationTemplate": {
			"body": "\u003cp\u003eHello,\u003c/p\u003e\n\u003cp\u003eThank you for joining us at {APP_NAME}.\u003c/p\u003e\n\u003cp\u003eClick on the button below to verify your email address.\u003c/p\u003e\n\u003cp\u003e\n  \u003ca class=\"btn\" href=\"{APP_URL}/_/#/auth/confirm-verification/{TOKEN}\" target=\"_blank\" rel=\"noopener\"\u003eVerify\u003c/a\u003e\n\u003c/p\u003e\n\u003cp\u003e\u003ci\u003eIf you didn't recently register, please ignore this email.\u003c/i\u003e\u003c/p\u003e\n\u003cp\u003e\n  Thanks,\u003cbr/\u003e\n  {APP_NAME} team\n\u003c/p\u003e",
			"subject": "Verify your {APP_NAME} email"
		},
		"verificationToken": {
			"duration": 86400
		},
		"viewRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 ((id = @request.auth.id) || (memberships_via_user.organization.memberships_via_organization.user ?= @request.auth.id))"
	},
	{
		"createRule": "@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\"",
		"deleteRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (memberships_via_organization.role ?= \"owner\"))",
		"fields": [
			{
				"autogeneratePattern": "[a-z0-9]{15}",
				"help": "",
				"hidden": false,
				"id": "text3208210256",
				"max": 15,
				"min": 15,
				"name": "id",
				"pattern": "^[a-z0-9]+$",
				"presentable": false,
				"primaryKey": true,
				"required": true,
				"system": true,
				"type": "text"
			},
			{
				"autogeneratePattern": "",
				"help": "",
				"hidden": false,
				"id": "text1579384326",
				"max": 120,
				"min": 0,
				"name": "name",
				"pattern": "",
				"presentable": true,
				"primaryKey": false,
				"required": true,
				"system": false,
				"type": "text"
			},
			{
				"autogeneratePattern": "",
				"help": "",
				"hidden": false,
				"id": "text2560465762",
				"max": 63,
				"min": 0,
				"name": "slug",
				"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
				"presentable": false,
				"primaryKey": false,
				"required": true,
				"system": false,
				"type": "text"
			},
			{
				"autogeneratePattern": "",
				"help": "",
				"hidden": false,
				"id": "text922858135",
				"max": 64,
				"min": 0,
				"name": "timezone",
				"pattern": "",
				"presentable": false,
				"primaryKey": false,
				"required": true,
				"system": false,
				"type": "text"
			},
			{
				"help": "",
				"hidden": false,
				"id": "json3846545605",
				"maxSize": 16384,
				"name": "settings",
				"presentable": false,
				"required": false,
				"system": false,
				"type": "json"
			},
			{
				"help": "",
				"hidden": true,
				"id": "number2035269861",
				"max": null,
				"min": 0,
				"name": "lastNumber",
				"onlyInt": true,
				"presentable": false,
				"required": false,
				"system": false,
				"type": "number"
			},
			{
				"autogeneratePattern": "[a-zA-Z0-9]{50}",
				"help": "",
				"hidden": true,
				"id": "text2009158281",
				"max": 60,
				"min": 30,
				"name": "invitationKey",
				"pattern": "",
				"presentable": false,
				"primaryKey": false,
				"required": false,
				"system": false,
				"type": "text"
			},
			{
				"hidden": false,
				"id": "autodate2990389176",
				"name": "created",
				"onCreate": true,
				"onUpdate": false,
				"presentable": false,
				"system": false,
				"type": "autodate"
			},
			{
				"hidden": false,
				"id": "autodate3332085495",
				"name": "updated",
				"onCreate": true,
				"onUpdate": true,
				"presentable": false,
				"system": false,
				"type": "autodate"
			}
		],
		"id": "pbc_2873630990",
		"indexes": [
			"CREATE UNIQUE INDEX \u0060idx_organizations_slug\u0060 ON \u0060organizations\u0060 (\u0060slug\u0060)"
		],
		"listRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (memberships_via_organization.user ?= @request.auth.id)",
		"name": "organizations",
		"system": false,
		"type": "base",
		"updateRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (memberships_via_organization.role ?= \"owner\"))",
		"viewRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (memberships_via_organization.user ?= @request.auth.id)"
	},
	{
		"createRule": null,
		"deleteRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 ((organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (organization.memberships_via_organization.role ?= \"owner\")) || (user = @request.auth.id))",
		"fields": [
			{
				"autogeneratePattern": "[a-z0-9]{15}",
				"help": "",
				"hidden": false,
				"id": "text3208210256",
				"max": 15,
				"min": 15,
				"name": "id",
				"pattern": "^[a-z0-9]+$",
				"presentable": false,
				"primaryKey": true,
				"required": true,
				"system": true,
				"type": "text"
			},
			{
				"cascadeDelete": true,
				"collectionId": "pbc_2873630990",
				"help": "",
				"hidden": false,
				"id": "relation3253625724",
				"maxSelect": 1,
				"minSelect": 0,
				"name": "organization",
				"presentable": false,
				"required": true,
				"system": false,
				"type": "relation"
			},
			{
				"cascadeDelete": true,
				"collectionId": "_pb_users_auth_",
				"help": "",
				"hidden": false,
				"id": "relation2375276105",
				"maxSelect": 1,
				"minSelect": 0,
				"name": "user",
				"presentable": false,
				"required": true,
				"system": false,
				"type": "relation"
			},
			{
				"help": "",
				"hidden": false,
				"id": "select1466534506",
				"maxSelect": 1,
				"name": "role",
				"presentable": false,
				"required": true,
				"system": false,
				"type": "select",
				"values": [
					"owner",
					"dispatcher",
					"technician",
					"viewer"
				]
			},
			{
				"hidden": false,
				"id": "autodate2990389176",
				"name": "created",
				"onCreate": true,
				"onUpdate": false,
				"presentable": false,
				"system": false,
				"type": "autodate"
			},
			{
				"hidden": false,
				"id": "autodate3332085495",
				"name": "updated",
				"onCreate": true,
				"onUpdate": true,
				"presentable": false,
				"system": false,
				"type": "autodate"
			}
		],
		"id": "pbc_1990943746",
		"indexes": [
			"CREATE UNIQUE INDEX \u0060idx_memberships_organization_user\u0060 ON \u0060memberships\u0060 (\u0060organization\u0060, \u0060user\u0060)",
			"CREATE INDEX \u0060idx_memberships_user\u0060 ON \u0060memberships\u0060 (\u0060user\u0060)"
		],
		"listRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (organization.memberships_via_organization.user ?= @request.auth.id)",
		"name": "memberships",
		"system": false,
		"type": "base",
		"updateRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (organization.memberships_via_organization.role ?= \"owner\")) \u0026\u0026 (@request.body.organization:changed = false \u0026\u0026 @request.body.user:changed = false)",
		"viewRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (organization.memberships_via_organization.user ?= @request.auth.id)"
	},
	{
		"createRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (organization.memberships_via_organization.role ?= \"owner\" || organization.memberships_via_organization.role ?= \"dispatcher\"))",
		"deleteRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (organization.memberships_via_organization.role ?= \"owner\" || organization.memberships_via_organization.role ?= \"dispatcher\"))",
		"fields": [
			{
				"autogeneratePattern": "[a-z0-9]{15}",
				"help": "",
				"hidden": false,
				"id": "text3208210256",
				"max": 15,
				"min": 15,
				"name": "id",
				"pattern": "^[a-z0-9]+$",
				"presentable": false,
				"primaryKey": true,
				"required": true,
				"system": true,
				"type": "text"
			},
			{
				"cascadeDelete": true,
				"collectionId": "pbc_2873630990",
				"help": "",
				"hidden": false,
				"id": "relation3253625724",
				"maxSelect": 1,
				"minSelect": 0,
				"name": "organization",
				"presentable": false,
				"required": true,
				"system": false,
				"type": "relation"
			},
			{
				"autogeneratePattern": "",
				"help": "",
				"hidden": false,
				"id": "text1579384326",
				"max": 160,
				"min": 0,
				"name": "name",
				"pattern": "",
				"presentable": true,
				"primaryKey": false,
				"required": true,
				"system": false,
				"type": "text"
			},
			{
				"autogeneratePattern": "",
				"help": "",
				"hidden": false,
				"id": "text223244161",
				"max": 300,
				"min": 0,
				"name": "address",
				"pattern": "",
				"presentable": false,
				"primaryKey": false,
				"required": false,
				"system": false,
				"type": "text"
			},
			{
				"help": "",
				"hidden": false,
				"id": "geoPoint1587448267",
				"name": "location",
				"presentable": false,
				"required": false,
				"system": false,
				"type": "geoPoint"
			},
			{
				"autogeneratePattern": "",
				"help": "",
				"hidden": false,
				"id": "text1281549880",
				"max": 200,
				"min": 0,
				"name": "contact",
				"pattern": "",
				"presentable": false,
				"primaryKey": false,
				"required": false,
				"system": false,
				"type": "text"
			},
			{
				"hidden": false,
				"id": "autodate2990389176",
				"name": "created",
				"onCreate": true,
				"onUpdate": false,
				"presentable": false,
				"system": false,
				"type": "autodate"
			},
			{
				"hidden": false,
				"id": "autodate3332085495",
				"name": "updated",
				"onCreate": true,
				"onUpdate": true,
				"presentable": false,
				"system": false,
				"type": "autodate"
			}
		],
		"id": "pbc_2001081480",
		"indexes": [
			"CREATE INDEX \u0060idx_sites_organization\u0060 ON \u0060sites\u0060 (\u0060organization\u0060, \u0060name\u0060)"
		],
		"listRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (organization.memberships_via_organization.user ?= @request.auth.id)",
		"name": "sites",
		"system": false,
		"type": "base",
		"updateRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (organization.memberships_via_organization.role ?= \"owner\" || organization.memberships_via_organization.role ?= \"dispatcher\")) \u0026\u0026 (@request.body.organization:changed = false)",
		"viewRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (organization.memberships_via_organization.user ?= @request.auth.id)"
	},
	{
		"createRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (organization.memberships_via_organization.role ?= \"owner\" || organization.memberships_via_organization.role ?= \"dispatcher\")) \u0026\u0026 (@request.body.number:isset = false \u0026\u0026 @request.body.status:isset = false \u0026\u0026 @request.body.startedAt:isset = false \u0026\u0026 @request.body.completedAt:isset = false \u0026\u0026 @request.body.slaDueAt:isset = false \u0026\u0026 @request.body.slaBreachedAt:isset = false \u0026\u0026 @request.body.report:isset = false) \u0026\u0026 (site.organization = organization)",
		"deleteRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (organization.memberships_via_organization.role ?= \"owner\")) \u0026\u0026 (status = \"draft\" || status = \"cancelled\")",
		"fields": [
			{
				"autogeneratePattern": "[a-z0-9]{15}",
				"help": "",
				"hidden": false,
				"id": "text3208210256",
				"max": 15,
				"min": 15,
				"name": "id",
				"pattern": "^[a-z0-9]+$",
				"presentable": false,
				"primaryKey": true,
				"required": true,
				"system": true,
				"type": "text"
			},
			{
				"cascadeDelete": true,
				"collectionId": "pbc_2873630990",
				"help": "",
				"hidden": false,
				"id": "relation3253625724",
				"maxSelect": 1,
				"minSelect": 0,
				"name": "organization",
				"presentable": false,
				"required": true,
				"system": false,
				"type": "relation"
			},
			{
				"cascadeDelete": false,
				"collectionId": "pbc_2001081480",
				"help": "",
				"hidden": false,
				"id": "relation1766001124",
				"maxSelect": 1,
				"minSelect": 0,
				"name": "site",
				"presentable": false,
				"required": true,
				"system": false,
				"type": "relation"
			},
			{
				"help": "",
				"hidden": false,
				"id": "number2526027604",
				"max": null,
				"min": 0,
				"name": "number",
				"onlyInt": true,
				"presentable": false,
				"required": false,
				"system": false,
				"type": "number"
			},
			{
				"autogeneratePattern": "",
				"help": "",
				"hidden": false,
				"id": "text724990059",
				"max": 200,
				"min": 0,
				"name": "title",
				"pattern": "",
				"presentable": true,
				"primaryKey": false,
				"required": true,
				"system": false,
				"type": "text"
			},
			{
				"autogeneratePattern": "",
				"help": "",
				"hidden": false,
				"id": "text1843675174",
				"max": 5000,
				"min": 0,
				"name": "description",
				"pattern": "",
				"presentable": false,
				"primaryKey": false,
				"required": false,
				"system": false,
				"type": "text"
			},
			{
				"help": "",
				"hidden": false,
				"id": "select2063623452",
				"maxSelect": 1,
				"name": "status",
				"presentable": false,
				"required": true,
				"system": false,
				"type": "select",
				"values": [
					"draft",
					"scheduled",
					"enRoute",
					"onSite",
					"completed",
					"cancelled"
				]
			},
			{
				"help": "",
				"hidden": false,
				"id": "select1655102503",
				"maxSelect": 1,
				"name": "priority",
				"presentable": false,
				"required": true,
				"system": false,
				"type": "select",
				"values": [
					"low",
					"normal",
					"high",
					"urgent"
				]
			},
			{
				"cascadeDelete": false,
				"collectionId": "_pb_users_auth_",
				"help": "",
				"hidden": false,
				"id": "relation2090728460",
				"maxSelect": 1,
				"minSelect": 0,
				"name": "assignee",
				"presentable": false,
				"required": false,
				"system": false,
				"type": "relation"
			},
			{
				"help": "",
				"hidden": false,
				"id": "date3428601273",
				"max": "",
				"min": "",
				"name": "scheduledStart",
				"presentable": false,
				"required": false,
				"system": false,
				"type": "date"
			},
			{
				"help": "",
				"hidden": false,
				"id": "date2186432507",
				"max": "",
				"min": "",
				"name": "scheduledEnd",
				"presentable": false,
				"required": false,
				"system": false,
				"type": "date"
			},
			{
				"help": "",
				"hidden": false,
				"id": "json1550413103",
				"maxSize": 32768,
				"name": "checklist",
				"presentable": false,
				"required": false,
				"system": false,
				"type": "json"
			},
			{
				"help": "",
				"hidden": false,
				"id": "date2640869100",
				"max": "",
				"min": "",
				"name": "startedAt",
				"presentable": false,
				"required": false,
				"system": false,
				"type": "date"
			},
			{
				"help": "",
				"hidden": false,
				"id": "date1718663312",
				"max": "",
				"min": "",
				"name": "completedAt",
				"presentable": false,
				"required": false,
				"system": false,
				"type": "date"
			},
			{
				"help": "",
				"hidden": false,
				"id": "date3385319417",
				"max": "",
				"min": "",
				"name": "slaDueAt",
				"presentable": false,
				"required": false,
				"system": false,
				"type": "date"
			},
			{
				"help": "",
				"hidden": false,
				"id": "date2677409069",
				"max": "",
				"min": "",
				"name": "slaBreachedAt",
				"presentable": false,
				"required": false,
				"system": false,
				"type": "date"
			},
			{
				"help": "",
				"hidden": false,
				"id": "file2928148801",
				"maxSelect": 1,
				"maxSize": 524288,
				"mimeTypes": [
					"image/png"
				],
				"name": "signature",
				"presentable": false,
				"protected": true,
				"required": false,
				"system": false,
				"thumbs": null,
				"type": "file"
			},
			{
				"help": "",
				"hidden": false,
				"id": "file3291445124",
				"maxSelect": 1,
				"maxSize": 20971520,
				"mimeTypes": [
					"application/pdf"
				],
				"name": "report",
				"presentable": false,
				"protected": true,
				"required": false,
				"system": false,
				"thumbs": null,
				"type": "file"
			},
			{
				"hidden": false,
				"id": "autodate2990389176",
				"name": "created",
				"onCreate": true,
				"onUpdate": false,
				"presentable": false,
				"system": false,
				"type": "autodate"
			},
			{
				"hidden": false,
				"id": "autodate3332085495",
				"name": "updated",
				"onCreate": true,
				"onUpdate": true,
				"presentable": false,
				"system": false,
				"type": "autodate"
			}
		],
		"id": "pbc_3190233272",
		"indexes": [
			"CREATE UNIQUE INDEX \u0060idx_work_orders_organization_number\u0060 ON \u0060work_orders\u0060 (\u0060organization\u0060, \u0060number\u0060)",
			"CREATE INDEX \u0060idx_work_orders_organization_status\u0060 ON \u0060work_orders\u0060 (\u0060organization\u0060, \u0060status\u0060)",
			"CREATE INDEX \u0060idx_work_orders_assignee\u0060 ON \u0060work_orders\u0060 (\u0060assignee\u0060, \u0060scheduledStart\u0060)",
			"CREATE INDEX \u0060idx_work_orders_site\u0060 ON \u0060work_orders\u0060 (\u0060site\u0060)",
			"CREATE INDEX \u0060idx_work_orders_sla\u0060 ON \u0060work_orders\u0060 (\u0060slaDueAt\u0060) WHERE \u0060slaBreachedAt\u0060 = ''"
		],
		"listRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 ((organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (organization.memberships_via_organization.role ?= \"owner\" || organization.memberships_via_organization.role ?= \"dispatcher\" || organization.memberships_via_organization.role ?= \"viewer\")) || (assignee = @request.auth.id \u0026\u0026 organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (organization.memberships_via_organization.role ?= \"technician\")))",
		"name": "work_orders",
		"system": false,
		"type": "base",
		"updateRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (@request.body.organization:changed = false) \u0026\u0026 (@request.body.number:changed = false \u0026\u0026 @request.body.status:changed = false \u0026\u0026 @request.body.startedAt:changed = false \u0026\u0026 @request.body.completedAt:changed = false \u0026\u0026 @request.body.slaDueAt:changed = false \u0026\u0026 @request.body.slaBreachedAt:changed = false \u0026\u0026 @request.body.report:changed = false) \u0026\u0026 ((organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (organization.memberships_via_organization.role ?= \"owner\" || organization.memberships_via_organization.role ?= \"dispatcher\")) || (assignee = @request.auth.id \u0026\u0026 organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (organization.memberships_via_organization.role ?= \"technician\") \u0026\u0026 @request.body.site:changed = false \u0026\u0026 @request.body.title:changed = false \u0026\u0026 @request.body.description:changed = false \u0026\u0026 @request.body.priority:changed = false \u0026\u0026 @request.body.assignee:changed = false \u0026\u0026 @request.body.scheduledStart:changed = false \u0026\u0026 @request.body.scheduledEnd:changed = false))",
		"viewRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 ((organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (organization.memberships_via_organization.role ?= \"owner\" || organization.memberships_via_organization.role ?= \"dispatcher\" || organization.memberships_via_organization.role ?= \"viewer\")) || (assignee = @request.auth.id \u0026\u0026 organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (organization.memberships_via_organization.role ?= \"technician\")))"
	},
	{
		"createRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (author = @request.auth.id) \u0026\u0026 ((work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"owner\" || work_order.organization.memberships_via_organization.role ?= \"dispatcher\")) || (work_order.assignee = @request.auth.id \u0026\u0026 work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"technician\")))",
		"deleteRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 ((author = @request.auth.id \u0026\u0026 ((work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"owner\" || work_order.organization.memberships_via_organization.role ?= \"dispatcher\")) || (work_order.assignee = @request.auth.id \u0026\u0026 work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"technician\")))) || (work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"owner\")))",
		"fields": [
			{
				"autogeneratePattern": "[a-z0-9]{15}",
				"help": "",
				"hidden": false,
				"id": "text3208210256",
				"max": 15,
				"min": 15,
				"name": "id",
				"pattern": "^[a-z0-9]+$",
				"presentable": false,
				"primaryKey": true,
				"required": true,
				"system": true,
				"type": "text"
			},
			{
				"cascadeDelete": true,
				"collectionId": "pbc_3190233272",
				"help": "",
				"hidden": false,
				"id": "relation3721586871",
				"maxSelect": 1,
				"minSelect": 0,
				"name": "work_order",
				"presentable": false,
				"required": true,
				"system": false,
				"type": "relation"
			},
			{
				"cascadeDelete": false,
				"collectionId": "_pb_users_auth_",
				"help": "",
				"hidden": false,
				"id": "relation3182418120",
				"maxSelect": 1,
				"minSelect": 0,
				"name": "author",
				"presentable": false,
				"required": true,
				"system": false,
				"type": "relation"
			},
			{
				"autogeneratePattern": "",
				"help": "",
				"hidden": false,
				"id": "text3685223346",
				"max": 5000,
				"min": 0,
				"name": "body",
				"pattern": "",
				"presentable": true,
				"primaryKey": false,
				"required": true,
				"system": false,
				"type": "text"
			},
			{
				"hidden": false,
				"id": "autodate2990389176",
				"name": "created",
				"onCreate": true,
				"onUpdate": false,
				"presentable": false,
				"system": false,
				"type": "autodate"
			},
			{
				"hidden": false,
				"id": "autodate3332085495",
				"name": "updated",
				"onCreate": true,
				"onUpdate": true,
				"presentable": false,
				"system": false,
				"type": "autodate"
			}
		],
		"id": "pbc_3395098727",
		"indexes": [
			"CREATE INDEX \u0060idx_notes_work_order\u0060 ON \u0060notes\u0060 (\u0060work_order\u0060, \u0060created\u0060)"
		],
		"listRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 ((work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"owner\" || work_order.organization.memberships_via_organization.role ?= \"dispatcher\" || work_order.organization.memberships_via_organization.role ?= \"viewer\")) || (work_order.assignee = @request.auth.id \u0026\u0026 work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"technician\")))",
		"name": "notes",
		"system": false,
		"type": "base",
		"updateRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (author = @request.auth.id) \u0026\u0026 ((work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"owner\" || work_order.organization.memberships_via_organization.role ?= \"dispatcher\")) || (work_order.assignee = @request.auth.id \u0026\u0026 work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"technician\"))) \u0026\u0026 (@request.body.work_order:changed = false \u0026\u0026 @request.body.author:changed = false)",
		"viewRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 ((work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"owner\" || work_order.organization.memberships_via_organization.role ?= \"dispatcher\" || work_order.organization.memberships_via_organization.role ?= \"viewer\")) || (work_order.assignee = @request.auth.id \u0026\u0026 work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"technician\")))"
	},
	{
		"createRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (author = @request.auth.id) \u0026\u0026 ((work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"owner\" || work_order.organization.memberships_via_organization.role ?= \"dispatcher\")) || (work_order.assignee = @request.auth.id \u0026\u0026 work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"technician\")))",
		"deleteRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 ((author = @request.auth.id \u0026\u0026 ((work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"owner\" || work_order.organization.memberships_via_organization.role ?= \"dispatcher\")) || (work_order.assignee = @request.auth.id \u0026\u0026 work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"technician\")))) || (work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"owner\")))",
		"fields": [
			{
				"autogeneratePattern": "[a-z0-9]{15}",
				"help": "",
				"hidden": false,
				"id": "text3208210256",
				"max": 15,
				"min": 15,
				"name": "id",
				"pattern": "^[a-z0-9]+$",
				"presentable": false,
				"primaryKey": true,
				"required": true,
				"system": true,
				"type": "text"
			},
			{
				"cascadeDelete": true,
				"collectionId": "pbc_3190233272",
				"help": "",
				"hidden": false,
				"id": "relation3721586871",
				"maxSelect": 1,
				"minSelect": 0,
				"name": "work_order",
				"presentable": false,
				"required": true,
				"system": false,
				"type": "relation"
			},
			{
				"cascadeDelete": false,
				"collectionId": "_pb_users_auth_",
				"help": "",
				"hidden": false,
				"id": "relation3182418120",
				"maxSelect": 1,
				"minSelect": 0,
				"name": "author",
				"presentable": false,
				"required": true,
				"system": false,
				"type": "relation"
			},
			{
				"help": "",
				"hidden": false,
				"id": "file3309110367",
				"maxSelect": 1,
				"maxSize": 10485760,
				"mimeTypes": [
					"image/jpeg",
					"image/png",
					"image/webp"
				],
				"name": "image",
				"presentable": false,
				"protected": true,
				"required": true,
				"system": false,
				"thumbs": [
					"160x160",
					"800x0"
				],
				"type": "file"
			},
			{
				"autogeneratePattern": "",
				"help": "",
				"hidden": false,
				"id": "text4135340389",
				"max": 300,
				"min": 0,
				"name": "caption",
				"pattern": "",
				"presentable": false,
				"primaryKey": false,
				"required": false,
				"system": false,
				"type": "text"
			},
			{
				"help": "",
				"hidden": false,
				"id": "date1488624543",
				"max": "",
				"min": "",
				"name": "takenAt",
				"presentable": false,
				"required": false,
				"system": false,
				"type": "date"
			},
			{
				"help": "",
				"hidden": false,
				"id": "geoPoint1587448267",
				"name": "location",
				"presentable": false,
				"required": false,
				"system": false,
				"type": "geoPoint"
			},
			{
				"hidden": false,
				"id": "autodate2990389176",
				"name": "created",
				"onCreate": true,
				"onUpdate": false,
				"presentable": false,
				"system": false,
				"type": "autodate"
			},
			{
				"hidden": false,
				"id": "autodate3332085495",
				"name": "updated",
				"onCreate": true,
				"onUpdate": true,
				"presentable": false,
				"system": false,
				"type": "autodate"
			}
		],
		"id": "pbc_1063624087",
		"indexes": [
			"CREATE INDEX \u0060idx_photos_work_order\u0060 ON \u0060photos\u0060 (\u0060work_order\u0060, \u0060created\u0060)"
		],
		"listRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 ((work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"owner\" || work_order.organization.memberships_via_organization.role ?= \"dispatcher\" || work_order.organization.memberships_via_organization.role ?= \"viewer\")) || (work_order.assignee = @request.auth.id \u0026\u0026 work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"technician\")))",
		"name": "photos",
		"system": false,
		"type": "base",
		"updateRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 (author = @request.auth.id) \u0026\u0026 ((work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"owner\" || work_order.organization.memberships_via_organization.role ?= \"dispatcher\")) || (work_order.assignee = @request.auth.id \u0026\u0026 work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"technician\"))) \u0026\u0026 (@request.body.work_order:changed = false \u0026\u0026 @request.body.author:changed = false)",
		"viewRule": "(@request.auth.id != \"\" \u0026\u0026 @request.auth.collectionName = \"users\") \u0026\u0026 ((work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"owner\" || work_order.organization.memberships_via_organization.role ?= \"dispatcher\" || work_order.organization.memberships_via_organization.role ?= \"viewer\")) || (work_order.assignee = @request.auth.id \u0026\u0026 work_order.organization.memberships_via_organization.user ?= @request.auth.id \u0026\u0026 (work_order.organization.memberships_via_organization.role ?= \"technician\")))"
	}
]`), false)
	}, func(app core.App) error {
		for _, name := range []string{"photos", "notes", "work_orders", "sites", "memberships", "organizations"} {
			c, err := app.FindCollectionByNameOrId(name)
			if err != nil {
				return err
			}
			c.IntegrityChecks(false)
			if err := app.Delete(c); err != nil {
				return err
			}
		}
		return nil
	})
}
